#include "app/file/csv.h"

#include <string.h>

enum byte_class { BYTE_TEXT, BYTE_HIGH, BYTE_NUL, BYTE_QUOTE, BYTE_DELIMITER, BYTE_CR, BYTE_LF };

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
    csv_sample_init(&csv->sample);
    csv->first_is_names = true;
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

/* The field without spaces around it. NULL: it was too long to be kept. */
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

/* Whether a field of the first row may be the name of a column. An empty one may. */
static bool may_be_name(const char *text, enum csv_type type)
{
    return text != NULL && (type == CSV_TEXT || type == CSV_EMPTY);
}

static void end_field(struct csv *csv)
{
    const char *text = kept_field(csv);

    if (csv->columns == 0 && csv->row_fields >= CSV_COLUMNS_MAX) {
        csv->first_is_names =
            csv->first_is_names && may_be_name(text, text != NULL ? csv_type_of(text, csv->delimiter) : CSV_TEXT);
    } else if (csv->row_fields < CSV_COLUMNS_MAX) {
        /* The type of a column of text does not change, so its fields are not read. */
        bool is_text = text == NULL || csv->column[csv->row_fields].type == CSV_TEXT;
        enum csv_type type = is_text ? CSV_TEXT : csv_type_of(text, csv->delimiter);

        csv->row_type[csv->row_fields] = (unsigned char)type;
        if (csv->columns == 0 && !may_be_name(text, type))
            csv->first_is_names = false;
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
        csv->column[i].type = csv_type_of_both(csv->column[i].type, csv->row_type[i]);
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

/* Checks UTF-8 by the rules of utf8_check; a sequence may be continued in the next slice. */
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

        /* All bytes of a run of plain text are of the same class, so one of them is enough. */
        take_byte(csv, at, csv->byte_class[(unsigned char)*at]);
        if (csv->byte_class[(unsigned char)*at++] != BYTE_TEXT)
            continue;
        while (at < end && csv->byte_class[(unsigned char)*at] == BYTE_TEXT)
            at++;
        keep(csv, from + 1, (size_t)(at - from) - 1);
    }
}

/* --- the delimiter */

static void choose_delimiter(struct csv *csv)
{
    const struct csv_sample *sample = &csv->sample;
    size_t skipped;

    csv->delimiter = csv_sample_delimiter(&csv->sample, &skipped);
    csv->byte_class[(unsigned char)csv->delimiter] = BYTE_DELIMITER;
    csv->delimiter_is_known = true;
    if (skipped > 0) {
        csv->row_line = ++csv->line;
        csv->after_cr = sample->bytes[skipped - 1] == '\r';
    }
    scan(csv, sample->bytes + skipped, sample->bytes + sample->length);
}

static void take(struct csv *csv, const char *at, const char *end)
{
    while (at < end && !csv->delimiter_is_known)
        if (csv_sample_add(&csv->sample, *at++))
            choose_delimiter(csv);
    scan(csv, at, end);
}

/* --- the encoding */

/* Finds the encoding: a byte order mark of UTF-8 is skipped, one of UTF-16 selects UTF-16. */
static void take_head(struct csv *csv, char byte)
{
    static const char utf8_mark[] = "\xEF\xBB\xBF";

    csv->head[csv->head_length++] = byte;
    if (csv->head_length == 2 && (memcmp(csv->head, "\xFF\xFE", 2) == 0 || memcmp(csv->head, "\xFE\xFF", 2) == 0)) {
        csv->encoding = CSV_UTF16;
        csv->utf16.big_endian = csv->head[0] == '\xFE';
    } else if (csv->head_length == 3 && memcmp(csv->head, utf8_mark, 3) == 0) {
        csv->encoding = CSV_UTF8;
    } else if (memcmp(csv->head, utf8_mark, csv->head_length) != 0 &&
               (csv->head_length > 1 || (byte != '\xFF' && byte != '\xFE'))) {
        csv->encoding = CSV_UTF8;
        take(csv, csv->head, csv->head + csv->head_length);
    }
}

static void take_utf16(struct csv *csv, const char *at, const char *end)
{
    enum { STEP_BYTES = 512 };
    char text[UTF16_TEXT_BYTES(STEP_BYTES)];

    while (at < end) {
        size_t step = end - at < STEP_BYTES ? (size_t)(end - at) : STEP_BYTES;
        size_t length = utf16_read(&csv->utf16, at, step, text);

        take(csv, text, text + length);
        at += step;
    }
}

void csv_feed(struct csv *csv, const void *bytes, size_t length)
{
    const char *at = bytes, *end = at + length;

    while (at < end && csv->encoding == CSV_UNKNOWN)
        take_head(csv, *at++);
    if (csv->encoding == CSV_UTF16)
        take_utf16(csv, at, end);
    else
        take(csv, at, end);
}

/* --- the end */

/* Whether the first row has names of columns. Some names may be missing or the same, but not all missing. */
static bool first_is_header(const struct csv *csv)
{
    bool has_name = false;

    for (int64_t i = 0; i < csv->columns && i < CSV_COLUMNS_MAX; i++)
        has_name = has_name || csv->first_type[i] == CSV_TEXT;
    return has_name && csv->first_is_names && !csv->first_is_bad;
}

static void forget_names(struct csv *csv)
{
    for (int64_t i = 0; i < csv->columns && i < CSV_COLUMNS_MAX; i++) {
        csv->column[i].name[0] = '\0';
        if (!csv->first_is_bad)
            csv->column[i].type = csv_type_of_both(csv->column[i].type, csv->first_type[i]);
    }
}

void csv_finish(struct csv *csv)
{
    static const char no_text[] = "\xFF";

    if (csv->encoding == CSV_UNKNOWN)
        take(csv, csv->head, csv->head + csv->head_length);
    /* Half a character at the end becomes a byte that is not valid UTF-8. */
    if (csv->encoding == CSV_UTF16 && utf16_is_cut(&csv->utf16))
        take(csv, no_text, no_text + 1);
    if (!csv->delimiter_is_known)
        choose_delimiter(csv);
    end_sequence(csv);
    /* Reported instead of other faults of the row, because the open quote has caused them. */
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
