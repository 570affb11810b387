#include "base/decimal.h"

size_t decimal_format(int64_t number, char text[DECIMAL_BYTES])
{
    char reversed[DECIMAL_BYTES];
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    size_t count = 0, length = 0;

    do {
        reversed[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        text[length++] = '-';
    while (count > 0)
        text[length++] = reversed[--count];
    text[length] = '\0';
    return length;
}

void decimal_pad(unsigned number, size_t digits, char *text)
{
    while (digits > 0) {
        text[--digits] = (char)('0' + number % 10);
        number /= 10;
    }
}
