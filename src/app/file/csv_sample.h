/* The first rows of a CSV, by which its delimiter is found. Memory is this struct alone. */
#ifndef MAYFLY_APP_FILE_CSV_SAMPLE_H
#define MAYFLY_APP_FILE_CSV_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /* What is looked at for the delimiter, whichever comes first: enough that a name with commas or one bad row decides nothing. */
    CSV_SAMPLE_ROWS = 32,
    CSV_SAMPLE_BYTES = 16 * 1024,
    CSV_DELIMITERS = 4, /* comma, semicolon, TAB, and commas without those of decimal numbers */
};

struct csv_sample {
    bool field_begins, quoted, after_quote, has_content;
    unsigned char before[2]; /* the last byte and the one before it */
    size_t rows;
    /* For each that may be the delimiter: in the first row and in this one, and how many rows differ from the first. */
    size_t first[CSV_DELIMITERS], count[CSV_DELIMITERS], bad[CSV_DELIMITERS];
    size_t length;
    char bytes[CSV_SAMPLE_BYTES];
};

void csv_sample_init(struct csv_sample *);

/* True: that is enough, and nothing may be added any more. */
bool csv_sample_add(struct csv_sample *, char byte);

/* At the end of the sample, once. *skipped: so many of its first bytes, whole lines, are no row but say which delimiter it is. */
char csv_sample_delimiter(struct csv_sample *, size_t *skipped);

#endif
