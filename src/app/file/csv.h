/*
 * Reads comma-separated values (RFC 4180) in slices of any size and describes them: how many rows and columns, of which
 * types, and which lines are bad. It needs only the memory of this struct, however long the text, its lines and its
 * fields are. Some deviations from RFC 4180 are accepted: line ends are CR LF, LF or CR; the delimiter is , ; or TAB,
 * as the first rows or a line sep= before them show; a byte order mark and empty lines are skipped. The text is UTF-8,
 * or UTF-16 with a byte order mark.
 */
#ifndef MAYFLY_APP_FILE_CSV_H
#define MAYFLY_APP_FILE_CSV_H

#include "app/file/csv_sample.h"
#include "app/file/csv_type.h"
#include "app/file/utf16.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CSV_COLUMNS_MAX = 1024, /* columns whose names and types are kept; further columns are counted */
    CSV_FIELD_BYTES = 64,   /* bytes of a field that are read; numbers, dates and names of columns are shorter */
    CSV_BAD_MAX = 100,      /* bad lines that are listed; all are counted */
};

enum csv_fault {
    CSV_FAULT_NONE,
    CSV_FAULT_COLUMNS,     /* not as many as the first row has */
    CSV_FAULT_QUOTE,       /* a quote within a field that does not begin with one */
    CSV_FAULT_AFTER_QUOTE, /* text after a closing quote */
    CSV_FAULT_OPEN_QUOTE,  /* a quote that is never closed; `line` is where it was opened */
    CSV_FAULT_UTF8,
    CSV_FAULT_NUL,
};

/* A constant sentence for the author of the file. */
const char *csv_fault_text(enum csv_fault);

/* The first fault of a row. */
struct csv_bad {
    int64_t line;   /* from 1, counting line ends within quotes too, as an editor does */
    int64_t column; /* from 1; for CSV_FAULT_COLUMNS the first column that is missing or too many */
    enum csv_fault fault;
};

struct csv_column {
    char name[CSV_FIELD_BYTES]; /* "" without a header */
    enum csv_type type;         /* of its fields in all rows that are not bad */
};

/* The first members are the result, to be read after csv_finish. */
struct csv {
    char delimiter;
    bool has_header;  /* the first row is not bad, and its fields are short texts; some may be empty or the same */
    int64_t rows;     /* including bad ones, without the header */
    int64_t columns;  /* columns of the first row */
    int64_t bad_rows; /* rows with a fault */
    size_t bad_count; /* rows in `bad` */
    struct csv_bad bad[CSV_BAD_MAX];
    struct csv_column column[CSV_COLUMNS_MAX];

    /* The state while the text is read. */
    enum csv_state { CSV_FIELD_BEGIN, CSV_PLAIN, CSV_QUOTED, CSV_QUOTE_IN_QUOTED } state;
    unsigned char byte_class[256];
    enum csv_encoding { CSV_UNKNOWN, CSV_UTF8, CSV_UTF16 } encoding;
    struct utf16 utf16;
    char head[3]; /* the first bytes, until the encoding is known */
    size_t head_length;
    bool after_cr;          /* a line feed now belongs to the carriage return before it */
    unsigned sequence_left; /* bytes that the UTF-8 sequence still needs, and the range of the next one */
    unsigned char sequence_low, sequence_high;
    int64_t line;
    int64_t quote_line;   /* where the last quote was opened */
    int64_t row_line;     /* where the row begins */
    struct csv_bad fault; /* the row's first */
    bool row_is_empty;    /* the row has no bytes yet */
    int64_t row_fields;   /* fields of the row that have ended */
    size_t field_length;  /* in bytes, of which only the first are kept */
    char field[CSV_FIELD_BYTES];
    unsigned char row_type[CSV_COLUMNS_MAX];
    unsigned char first_type[CSV_COLUMNS_MAX]; /* of the first row */
    bool first_is_bad;
    bool first_is_names; /* all its fields so far may be names of columns */

    struct csv_sample sample; /* the first rows, until the delimiter is known */
    bool delimiter_is_known;
};

void csv_init(struct csv *);

void csv_feed(struct csv *, const void *bytes, size_t length);

/* At the end of the text. Nothing may be fed after it. */
void csv_finish(struct csv *);

#endif
