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

/* Moves past digits; false when the number is greater than `most`, which *number is then. */
static bool read_digits(const char **at, uint64_t most, uint64_t *number)
{
    bool fits = true;

    for (*number = 0; **at >= '0' && **at <= '9'; ++*at) {
        unsigned digit = (unsigned)(**at - '0');

        fits = fits && *number <= (most - digit) / 10;
        *number = fits ? *number * 10 + digit : most;
    }
    return fits;
}

bool decimal_take(const char **at, int64_t *number)
{
    const char *from = *at;
    uint64_t value;

    (void)read_digits(at, INT64_MAX, &value);
    *number = (int64_t)value;
    return *at > from;
}

bool decimal_parse(const char *text, int64_t least, int64_t most, int64_t *number)
{
    bool negative = least < 0 && *text == '-';
    const char *digits = negative ? text + 1 : text, *end = digits;
    uint64_t magnitude;
    int64_t value;

    if (!read_digits(&end, (uint64_t)INT64_MAX + negative, &magnitude) || end == digits || *end != '\0')
        return false;
    value = negative ? (int64_t)-magnitude : (int64_t)magnitude;
    if (value < least || value > most)
        return false;
    *number = value;
    return true;
}
