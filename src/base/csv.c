#include "base/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum byte_class { BYTE_TEXT, BYTE_HIGH, BYTE_NUL, BYTE_QUOTE, BYTE_DELIMITER, BYTE_CR, BYTE_LF };

static const char byte_order_mark[] = "\xEF\xBB\xBF";

enum { MARK_BYTES = sizeof byte_order_mark - 1 };

const char *csv_type_word(enum csv_type type)
{
    static const char *const words[] = {
        [CSV_EMPTY] = "empty",     [CSV_INTEGER] = "integer", [CSV_DECIMAL] = "decimal",
        [CSV_BOOLEAN] = "boolean", [CSV_DATE] = "date",       [CSV_TEXT] = "text",
    };

    return words[type];
}

const char *csv_fault_text(enum csv_fault fault)
{
    static const char *const texts[] = {
        [CSV_FAULT_NONE] = "",
        [CSV_FAULT_COLUMNS] = "has another number of columns than the first line",
        [CSV_FAULT_QUOTE] = "a quote within a field that does not begin with one",
        [CSV_FAULT_AFTER_QUOTE] = "text after a closing quote",
        [CSV_FAULT_OPEN_QUOTE] = "a quote that is never closed",
        [CSV_FAULT_UTF8] = "not UTF-8",
        [CSV_FAULT_NUL] = "a NUL character",
    };

    return texts[fault];
}

void csv_init(struct csv *csv)
{
    memset(csv, 0, sizeof *csv);
    memset(csv->byte_class + 0x80, BYTE_HIGH, 0x80);
    csv->byte_class['\0'] = BYTE_NUL;
    csv->byte_class['"'] = BYTE_QUOTE;
    csv->byte_class['\r'] = BYTE_CR;
    csv->byte_class['\n'] = BYTE_LF;
    csv->line = csv->row_line = 1;
    csv->row_is_empty = true;
    csv->first.field_begins = true;
}

/* --- what a field is */

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

/* A '+' is no sign here: it begins telephone numbers. */
static enum csv_type number_type(const char *text, const char *points)
{
    static const char digits[] = "0123456789";
    const char *whole = text + (*text == '-'), *at = whole;
    size_t count = strspn(at, digits), fraction = 0;

    if (count > 1 && *at == '0')
        return CSV_TEXT;
    at += count;
    if (count > 0 && *at == '\0') {
        errno = 0;
        (void)strtoll(text, NULL, 10);
        return errno == 0 ? CSV_INTEGER : CSV_DECIMAL;
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

static enum csv_type text_type(const char *text, char delimiter)
{
    enum csv_type type;

    if (*text == '\0')
        return CSV_EMPTY;
    type = number_type(text, delimiter == ',' ? "." : ".,");
    if (type == CSV_TEXT && is_boolean(text))
        return CSV_BOOLEAN;
    return type == CSV_TEXT && is_date(text) ? CSV_DATE : type;
}

static enum csv_type type_of_both(enum csv_type a, enum csv_type b)
{
    if (a == b || b == CSV_EMPTY)
        return a;
    if (a == CSV_EMPTY)
        return b;
    return (a == CSV_INTEGER || a == CSV_DECIMAL) && (b == CSV_INTEGER || b == CSV_DECIMAL) ? CSV_DECIMAL : CSV_TEXT;
}

/* --- rows and fields */

static void note(struct csv *csv, enum csv_fault fault)
{
    if (csv->fault.fault == CSV_FAULT_NONE)
        csv->fault = (struct csv_bad){.line = csv->line, .column = csv->row_fields + 1, .fault = fault};
}

static void keep(struct csv *csv, const char *bytes, size_t length)
{
    if (csv->field_length < CSV_FIELD_BYTES) {
        size_t room = CSV_FIELD_BYTES - csv->field_length;

        memcpy(csv->field + csv->field_length, bytes, length < room ? length : room);
    }
    csv->field_length += length;
}

/* The field without spaces around it; NULL when it is too long to have been kept. */
static const char *kept_field(struct csv *csv)
{
    const char *text = csv->field;
    size_t length = csv->field_length;

    if (length >= CSV_FIELD_BYTES)
        return NULL;
    while (length > 0 && csv->field[length - 1] == ' ')
        length--;
    csv->field[length] = '\0';
    return text + strspn(text, " ");
}

static void end_field(struct csv *csv)
{
    if (csv->row_fields < CSV_COLUMNS_MAX) {
        const char *text = kept_field(csv);
        /* A column of text stays one, so its fields need no look. */
        bool is_text = text == NULL || csv->column[csv->row_fields].type == CSV_TEXT;
        enum csv_type type = is_text ? CSV_TEXT : text_type(text, csv->delimiter);

        csv->row_type[csv->row_fields] = (unsigned char)type;
        if (csv->columns == 0 && text != NULL)
            memcpy(csv->column[csv->row_fields].name, text, strlen(text) + 1);
    }
    csv->row_fields++;
    csv->field_length = 0;
    csv->state = CSV_FIELD_BEGIN;
}

static void list_bad(struct csv *csv)
{
    csv->bad_rows++;
    if (csv->bad_count < CSV_BAD_MAX)
        csv->bad[csv->bad_count++] = csv->fault;
}

static void take_types(struct csv *csv)
{
    for (int64_t i = 0; i < csv->row_fields && i < CSV_COLUMNS_MAX; i++)
        csv->column[i].type = type_of_both(csv->column[i].type, csv->row_type[i]);
}

static void end_row(struct csv *csv)
{
    bool first = csv->columns == 0;

    end_field(csv);
    if (first)
        csv->columns = csv->row_fields;
    if (csv->row_fields != csv->columns && csv->fault.fault == CSV_FAULT_NONE)
        csv->fault = (struct csv_bad){
            .line = csv->row_line,
            .column = (csv->row_fields < csv->columns ? csv->row_fields : csv->columns) + 1,
            .fault = CSV_FAULT_COLUMNS,
        };
    if (csv->fault.fault != CSV_FAULT_NONE)
        list_bad(csv);
    if (first) {
        csv->first_is_bad = csv->fault.fault != CSV_FAULT_NONE;
        memcpy(csv->first_type, csv->row_type, sizeof csv->first_type);
    } else if (csv->fault.fault == CSV_FAULT_NONE) {
        take_types(csv);
    }
    csv->rows++;
    csv->fault.fault = CSV_FAULT_NONE;
    csv->row_fields = 0;
    csv->row_is_empty = true;
}

/* --- bytes */

static void begin_sequence(struct csv *csv, unsigned char byte)
{
    csv->sequence_low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    csv->sequence_high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    csv->sequence_left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    if (byte < 0xC2 || byte > 0xF4) {
        csv->sequence_left = 0;
        note(csv, CSV_FAULT_UTF8);
    }
}

static void end_sequence(struct csv *csv)
{
    if (csv->sequence_left > 0)
        note(csv, CSV_FAULT_UTF8);
    csv->sequence_left = 0;
}

/* The same rules as utf8_check, but a sequence may be cut by the end of a slice. */
static void check_high(struct csv *csv, unsigned char byte)
{
    if (csv->sequence_left > 0 && byte >= csv->sequence_low && byte <= csv->sequence_high) {
        csv->sequence_left--;
        csv->sequence_low = 0x80;
        csv->sequence_high = 0xBF;
        return;
    }
    end_sequence(csv);
    begin_sequence(csv, byte);
}

static void take_text(struct csv *csv, const char *bytes, size_t length)
{
    if (csv->state == CSV_QUOTE_IN_QUOTED)
        note(csv, CSV_FAULT_AFTER_QUOTE);
    if (csv->state != CSV_QUOTED)
        csv->state = CSV_PLAIN;
    csv->row_is_empty = false;
    keep(csv, bytes, length);
}

static void take_quote(struct csv *csv)
{
    csv->row_is_empty = false;
    switch (csv->state) {
    case CSV_FIELD_BEGIN:
        csv->state = CSV_QUOTED;
        csv->quote_line = csv->line;
        break;
    case CSV_PLAIN:
        note(csv, CSV_FAULT_QUOTE);
        keep(csv, "\"", 1);
        break;
    case CSV_QUOTED:
        csv->state = CSV_QUOTE_IN_QUOTED;
        break;
    case CSV_QUOTE_IN_QUOTED:
        csv->state = CSV_QUOTED;
        keep(csv, "\"", 1);
        break;
    }
}

static void take_line_end(struct csv *csv, const char *byte, bool second)
{
    if (csv->state == CSV_QUOTED)
        keep(csv, byte, 1);
    else if (!csv->row_is_empty)
        end_row(csv);
    csv->line += !second;
    if (csv->row_is_empty)
        csv->row_line = csv->line;
}

static void take_byte(struct csv *csv, const char *byte, enum byte_class class)
{
    bool second = csv->after_cr && class == BYTE_LF;

    csv->after_cr = class == BYTE_CR;
    if (class == BYTE_HIGH)
        check_high(csv, (unsigned char)*byte);
    else
        end_sequence(csv);
    switch (class) {
    case BYTE_NUL:
        note(csv, CSV_FAULT_NUL);
        take_text(csv, byte, 1);
        break;
    case BYTE_TEXT:
    case BYTE_HIGH:
        take_text(csv, byte, 1);
        break;
    case BYTE_QUOTE:
        take_quote(csv);
        break;
    case BYTE_DELIMITER:
        csv->row_is_empty = false;
        if (csv->state == CSV_QUOTED)
            keep(csv, byte, 1);
        else
            end_field(csv);
        break;
    case BYTE_CR:
    case BYTE_LF:
        take_line_end(csv, byte, second);
        break;
    }
}

static void scan(struct csv *csv, const char *at, const char *end)
{
    while (at < end) {
        const char *from = at;

        /* One byte of plain text tells what the whole run of it means. */
        take_byte(csv, at, csv->byte_class[(unsigned char)*at]);
        if (csv->byte_class[(unsigned char)*at++] != BYTE_TEXT)
            continue;
        while (at < end && csv->byte_class[(unsigned char)*at] == BYTE_TEXT)
            at++;
        keep(csv, from + 1, (size_t)(at - from) - 1);
    }
}

/* --- the delimiter */

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Whether the first line that is not empty ends with this byte; counts what may be delimiters on the way. */
static bool ends_first(struct csv_first *first, unsigned char byte)
{
    bool opens = byte == '"' && (first->field_begins || first->after_quote);

    first->after_quote = first->quoted && byte == '"';
    first->quoted = opens || (first->quoted && byte != '"');
    first->field_begins = false;
    if (!first->quoted && !first->after_quote) {
        first->decimal_commas += is_digit(byte) && first->before[0] == ',' && is_digit(first->before[1]);
        first->commas += byte == ',';
        first->semicolons += byte == ';';
        first->tabs += byte == '\t';
        first->field_begins = byte == ',' || byte == ';' || byte == '\t' || byte == '\r' || byte == '\n';
    }
    first->before[1] = first->before[0];
    first->before[0] = byte;
    if (!first->quoted && (byte == '\r' || byte == '\n'))
        return first->has_content;
    first->has_content = true;
    return false;
}

/* The most frequent one; of equals the first of these: , ; TAB. */
static void choose_delimiter(struct csv *csv)
{
    const struct csv_first *first = &csv->first;
    size_t commas = first->commas;

    /* In 1,5;2,5 the commas are those of decimal numbers. */
    if (first->semicolons > 0 || first->tabs > 0)
        commas -= first->decimal_commas;
    csv->delimiter = ',';
    if (first->semicolons > commas)
        csv->delimiter = ';';
    if (first->tabs > commas && first->tabs > first->semicolons)
        csv->delimiter = '\t';
    csv->byte_class[(unsigned char)csv->delimiter] = BYTE_DELIMITER;
    csv->first.chosen = true;
    scan(csv, first->bytes, first->bytes + first->length);
}

static void take(struct csv *csv, const char *at, const char *end)
{
    struct csv_first *first = &csv->first;

    while (at < end && !first->chosen) {
        first->bytes[first->length++] = *at;
        if (ends_first(first, (unsigned char)*at++) || first->length == CSV_FIRST_BYTES)
            choose_delimiter(csv);
    }
    scan(csv, at, end);
}

void csv_feed(struct csv *csv, const void *bytes, size_t length)
{
    const char *at = bytes, *end = at + length;

    while (at < end && csv->mark < MARK_BYTES) {
        if (*at == byte_order_mark[csv->mark]) {
            csv->mark++;
            at++;
        } else {
            take(csv, byte_order_mark, byte_order_mark + csv->mark);
            csv->mark = MARK_BYTES;
        }
    }
    take(csv, at, end);
}

/* --- the end */

static bool first_is_header(const struct csv *csv)
{
    if (csv->columns == 0 || csv->columns > CSV_COLUMNS_MAX || csv->first_is_bad)
        return false;
    for (int64_t i = 0; i < csv->columns; i++) {
        if (csv->first_type[i] != CSV_TEXT || csv->column[i].name[0] == '\0')
            return false;
        for (int64_t other = 0; other < i; other++)
            if (strcmp(csv->column[i].name, csv->column[other].name) == 0)
                return false;
    }
    return true;
}

static void forget_names(struct csv *csv)
{
    for (int64_t i = 0; i < csv->columns && i < CSV_COLUMNS_MAX; i++) {
        csv->column[i].name[0] = '\0';
        if (!csv->first_is_bad)
            csv->column[i].type = type_of_both(csv->column[i].type, csv->first_type[i]);
    }
}

void csv_finish(struct csv *csv)
{
    if (csv->mark < MARK_BYTES)
        take(csv, byte_order_mark, byte_order_mark + csv->mark);
    if (!csv->first.chosen)
        choose_delimiter(csv);
    end_sequence(csv);
    /* Whatever else was wrong: it is this quote that swallowed the rest. */
    if (csv->state == CSV_QUOTED)
        csv->fault = (struct csv_bad){csv->quote_line, csv->row_fields + 1, CSV_FAULT_OPEN_QUOTE};
    if (!csv->row_is_empty)
        end_row(csv);
    csv->has_header = first_is_header(csv);
    if (csv->has_header)
        csv->rows--;
    else
        forget_names(csv);
}
