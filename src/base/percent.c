#include "base/percent.h"

#include "base/bytes.h"

#include <string.h>

int percent_byte(const char *text, size_t left)
{
    if (left < 3 || text[0] != '%' || bytes_hex_digit(text[1]) < 0 || bytes_hex_digit(text[2]) < 0)
        return -1;
    return bytes_hex_digit(text[1]) << 4 | bytes_hex_digit(text[2]);
}

void percent_write(unsigned char byte, char text[3])
{
    static const char digits[] = "0123456789ABCDEF";

    text[0] = '%';
    text[1] = digits[byte >> 4];
    text[2] = digits[byte & 15];
}

bool percent_add(struct buf *out, const char *text, const char *also)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    bool ok = true;

    for (; ok && *text != '\0'; text++) {
        char escaped[3];

        percent_write((unsigned char)*text, escaped);
        ok = strchr(unreserved, *text) != NULL || strchr(also, *text) != NULL ? buf_add(out, text, 1)
                                                                              : buf_add(out, escaped, sizeof escaped);
    }
    return ok;
}
