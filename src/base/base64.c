#include "base/base64.h"

#include <stdint.h>

static int digit_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

static size_t padding(const char *text, size_t length)
{
    if (length == 0 || text[length - 1] != '=')
        return 0;
    return text[length - 2] == '=' ? 2 : 1;
}

bool base64_decode(const char *text, size_t length, void *bytes, size_t size, size_t *decoded)
{
    unsigned char *out = bytes;
    size_t whole, written = 0;
    uint32_t bits = 0;

    *decoded = 0;
    if (length % 4 != 0)
        return false;
    whole = BASE64_DECODED_BYTES(length) - padding(text, length);
    length -= padding(text, length);
    if (whole > size)
        return false;
    for (size_t i = 0; i < length; i++) {
        int value = digit_value(text[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            out[written++] = (unsigned char)(bits >> (6 - i % 4 * 2));
    }
    /* What the padding cuts off has to be 0, or two texts would mean the same bytes. */
    if ((length % 4 == 2 && (bits & 15) != 0) || (length % 4 == 3 && (bits & 3) != 0))
        return false;
    *decoded = whole;
    return true;
}
