#include "base/jsonb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond every limit, and small enough that adding lengths does not overflow. */
enum { EXPONENT_MAX = 100000000 };

/*
 * A number's digits, those before and after the point in one row: digit i stands for 10 to the power of (whole - 1 -
 * i).
 */
struct decimal_digits {
    const char *text; /* with the point, if any, after before digits */
    long before, after;
    long whole; /* before plus the exponent: where the point is once it is written out */
    long scale; /* digits after the point then */
    bool negative;
};

static char digit(const struct decimal_digits *number, long index)
{
    if (index < 0 || index >= number->before + number->after)
        return '0';
    return number->text[index < number->before ? index : index + 1];
}

static long count_digits(const char *text, const char *end)
{
    long count = 0;

    while (text + count < end && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

/* Returns whether there is an exponent. */
static bool take_apart(const char *text, size_t length, struct decimal_digits *number)
{
    const char *at = text, *end = text + length;
    long exponent = 0;
    bool negative_exponent = false, has_exponent;

    number->negative = *at == '-';
    at += number->negative;
    number->text = at;
    number->before = count_digits(at, end);
    at += number->before;
    number->after = at < end && *at == '.' ? count_digits(at + 1, end) : 0;
    at += number->after > 0 ? number->after + 1 : 0;
    has_exponent = at < end;
    if (has_exponent && (at[1] == '-' || at[1] == '+'))
        negative_exponent = *++at == '-';
    for (at++; at < end; at++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*at - '0');
    exponent = negative_exponent ? -exponent : exponent;
    number->whole = number->before + exponent;
    number->scale = number->after > exponent ? number->after - exponent : 0;
    return has_exponent;
}

/* Digits before the point, without leading zeroes; *zero: all digits are 0. */
static long weight(const struct decimal_digits *number, bool *zero)
{
    long count = number->before + number->after, first = 0;

    while (first < count && digit(number, first) == '0')
        first++;
    *zero = first == count;
    return *zero || number->whole <= first ? 0 : number->whole - first;
}

static size_t write_out(const struct decimal_digits *number, long whole, bool minus, char *out)
{
    char *at = out;

    if (minus)
        *at++ = '-';
    for (long power = whole - 1; power >= 0; power--)
        *at++ = digit(number, number->whole - 1 - power);
    if (number->scale > 0)
        *at++ = '.';
    for (long place = 0; place < number->scale; place++)
        *at++ = digit(number, number->whole + place);
    return (size_t)(at - out);
}

bool jsonb_number(struct arena *arena, const char *text, size_t length, size_t most, struct jsonb *value,
                  struct err *err)
{
    struct decimal_digits number;
    bool has_exponent = take_apart(text, length, &number);
    bool zero;
    long before = weight(&number, &zero), whole = before > 0 ? before : 1;
    char *out;

    if (number.scale > JSONB_MAX_SCALE)
        return err_set(err, ERR_INPUT, "a number has more than %d digits after its point; send it as a string",
                       JSONB_MAX_SCALE);
    if (before > JSONB_MAX_WEIGHT || (before == JSONB_MAX_WEIGHT && isinf(strtod(text, NULL))))
        return err_set(err, ERR_INPUT, "a number is beyond 1.79e308; send it as a string");
    value->kind = JSONB_NUMBER;
    value->length =
        (size_t)(number.negative && !zero) + (size_t)whole + (number.scale > 0 ? (size_t)number.scale + 1 : 0);
    value->text = text;
    if (value->length > most)
        return err_set(err, ERR_LARGE, "the numbers would be written out to too many digits");
    if (!has_exponent && value->length == length)
        return true;
    out = arena_alloc(arena, value->length);
    if (out == NULL)
        return err_memory(err);
    value->text = out;
    value->length = write_out(&number, whole, number.negative && !zero, out);
    return true;
}
