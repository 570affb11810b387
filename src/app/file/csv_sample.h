/* Finds the delimiter of a CSV from its first rows. It needs only the memory of this struct. */
#ifndef MAYFLY_APP_FILE_CSV_SAMPLE_H
#define MAYFLY_APP_FILE_CSV_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /*
     * The sample ends with the first of these limits. It is large enough that a name with commas or one bad row does
     * not decide.
     */
    CSV_SAMPLE_ROWS = 32,
    CSV_SAMPLE_BYTES = 16 * 1024,
    CSV_DELIMITERS = 4, /* comma, semicolon, TAB, and commas without those of decimal numbers */
};

struct csv_sample {
    bool field_begins, quoted, after_quote, has_content;
    unsigned char before[2]; /* the last byte and the one before it */
    size_t rows;
    /* For each candidate: how often it is in the first row and in this one, and how many rows differ from the first. */
    size_t first[CSV_DELIMITERS], count[CSV_DELIMITERS], bad[CSV_DELIMITERS];
    size_t length;
    char bytes[CSV_SAMPLE_BYTES];
};

void csv_sample_init(struct csv_sample *);

/* True: the sample is complete, and nothing may be added. */
bool csv_sample_add(struct csv_sample *, char byte);

/*
 * At the end of the sample, once: gives the delimiter. *skipped: so many bytes at the beginning are not rows but a line
 * that names the delimiter.
 */
char csv_sample_delimiter(struct csv_sample *, size_t *skipped);

#endif
