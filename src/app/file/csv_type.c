#include "app/file/csv_type.h"

#include "base/decimal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *csv_type_word(enum csv_type type)
{
    static const char *const words[] = {
        [CSV_EMPTY] = "empty",     [CSV_INTEGER] = "integer", [CSV_DECIMAL] = "decimal",
        [CSV_BOOLEAN] = "boolean", [CSV_DATE] = "date",       [CSV_TEXT] = "text",
    };

    return words[type];
}

static bool take_digits(const char **at, int count, int *value)
{
    *value = 0;
    for (; count > 0; count--, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_byte_of(const char **at, const char *bytes)
{
    if (**at == '\0' || strchr(bytes, **at) == NULL)
        return false;
    ++*at;
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* hh:mm[:ss[.fraction]], to 24:00 and a leap second's 60. */
static bool take_time(const char **at)
{
    int hour, minute, second = 0;

    if (!take_digits(at, 2, &hour) || !take_byte_of(at, ":") || !take_digits(at, 2, &minute))
        return false;
    if (take_byte_of(at, ":")) {
        if (!take_digits(at, 2, &second))
            return false;
        if (take_byte_of(at, ".,")) {
            size_t digits = strspn(*at, "0123456789");

            if (digits == 0)
                return false;
            *at += digits;
        }
    }
    return (hour < 24 || (hour == 24 && minute == 0 && second == 0)) && minute < 60 && second <= 60;
}

/* Z, +hh, +hhmm, +hh:mm or nothing. */
static bool take_zone(const char **at)
{
    int hour, minute = 0;

    if (take_byte_of(at, "Zz") || !take_byte_of(at, "+-"))
        return true;
    if (!take_digits(at, 2, &hour))
        return false;
    if ((take_byte_of(at, ":") || **at != '\0') && !take_digits(at, 2, &minute))
        return false;
    return hour < 24 && minute < 60;
}

static bool is_date(const char *text)
{
    int year, month, day;

    if (!take_digits(&text, 4, &year) || !take_byte_of(&text, "-") || !take_digits(&text, 2, &month) ||
        !take_byte_of(&text, "-") || !take_digits(&text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_of(year, month))
        return false;
    if (take_byte_of(&text, "Tt ") && !(take_time(&text) && take_zone(&text)))
        return false;
    return *text == '\0';
}

static bool is_boolean(const char *text)
{
    return strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0 || strcasecmp(text, "yes") == 0 ||
           strcasecmp(text, "no") == 0;
}

/* A number has no '+', which begins telephone numbers. */
static enum csv_type number_type(const char *text, const char *points)
{
    static const char digits[] = "0123456789";
    const char *whole = text + (*text == '-'), *at = whole;
    size_t count = strspn(at, digits), fraction = 0;
    int64_t number;

    if (count > 1 && *at == '0')
        return CSV_TEXT;
    at += count;
    if (count > 0 && *at == '\0') {
        return decimal_parse(text, INT64_MIN, INT64_MAX, &number) ? CSV_INTEGER : CSV_DECIMAL;
    }
    if (take_byte_of(&at, points)) {
        fraction = strspn(at, digits);
        at += fraction;
    }
    if (count + fraction == 0)
        return CSV_TEXT;
    if (take_byte_of(&at, "eE")) {
        (void)take_byte_of(&at, "+-");
        if (*at == '\0')
            return CSV_TEXT;
        at += strspn(at, digits);
    }
    return *at == '\0' ? CSV_DECIMAL : CSV_TEXT;
}

enum csv_type csv_type_of(const char *text, char delimiter)
{
    enum csv_type type;

    if (*text == '\0')
        return CSV_EMPTY;
    type = number_type(text, delimiter == ',' ? "." : ".,");
    if (type == CSV_TEXT && is_boolean(text))
        return CSV_BOOLEAN;
    return type == CSV_TEXT && is_date(text) ? CSV_DATE : type;
}

enum csv_type csv_type_of_both(enum csv_type a, enum csv_type b)
{
    if (a == b || b == CSV_EMPTY)
        return a;
    if (a == CSV_EMPTY)
        return b;
    return (a == CSV_INTEGER || a == CSV_DECIMAL) && (b == CSV_INTEGER || b == CSV_DECIMAL) ? CSV_DECIMAL : CSV_TEXT;
}
