/*
 * Comma-separated values (RFC 4180) read as they come, in slices of any size, to say what is in them: how many rows and
 * columns, of which types, and which lines are bad. Memory is this struct alone, however long the text, its lines and its
 * fields are. What RFC 4180 does not allow is read as well as can be: line ends are CR LF, LF or CR, the delimiter is , ; or
 * TAB, whichever the first rows agree on, or what a line sep= before them says; a byte order mark and empty lines are passed
 * over. The text is UTF-8, or UTF-16 with a byte order mark.
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
    CSV_COLUMNS_MAX = 1024, /* whose names and types are kept; what is beyond them is still counted */
    CSV_FIELD_BYTES = 64,   /* of a field that are looked at: no number, date or column's name needs more */
    CSV_BAD_MAX = 100,      /* bad lines that are listed; a person will not read more, and all are counted */
};

enum csv_fault {
    CSV_FAULT_NONE,
    CSV_FAULT_COLUMNS,     /* not as many as the first row has */
    CSV_FAULT_QUOTE,       /* a quote within a field that does not begin with one */
    CSV_FAULT_AFTER_QUOTE, /* text after a closing quote */
    CSV_FAULT_OPEN_QUOTE,  /* a quote that is never closed; the line is where it was opened */
    CSV_FAULT_UTF8,
    CSV_FAULT_NUL,
};

/* A constant sentence for whoever wrote the file. */
const char *csv_fault_text(enum csv_fault);

/* A row's first fault. */
struct csv_bad {
    int64_t line;   /* from 1, as an editor counts: line ends within quotes count too */
    int64_t column; /* from 1; of CSV_FAULT_COLUMNS the first that is missing or too many */
    enum csv_fault fault;
};

struct csv_column {
    char name[CSV_FIELD_BYTES]; /* "" without a header */
    enum csv_type type;         /* of all its fields in rows that are not bad */
};

/* Public after csv_finish; to be read only. */
struct csv {
    char delimiter;
    bool has_header;  /* the first row is not bad, and its fields are text and short; some may be empty, or the same */
    int64_t rows;     /* with the bad ones, without the header */
    int64_t columns;  /* as the first row has */
    int64_t bad_rows; /* with a fault, of all rows */
    size_t bad_count; /* of those that are listed */
    struct csv_bad bad[CSV_BAD_MAX];
    struct csv_column column[CSV_COLUMNS_MAX];

    /* While it is read. */
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
    bool row_is_empty;    /* no byte of it yet */
    int64_t row_fields;   /* that have ended */
    size_t field_length;  /* in bytes, of which only the first are kept */
    char field[CSV_FIELD_BYTES];
    unsigned char row_type[CSV_COLUMNS_MAX];
    unsigned char first_type[CSV_COLUMNS_MAX]; /* of the first row */
    bool first_is_bad;
    bool first_is_names; /* its fields so far may be names of columns */

    struct csv_sample sample; /* the first rows, until the delimiter is known */
    bool delimiter_is_known;
};

void csv_init(struct csv *);

void csv_feed(struct csv *, const void *bytes, size_t length);

/* At the end of the text. Nothing may be fed after it. */
void csv_finish(struct csv *);

#endif
