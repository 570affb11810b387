/* The types of fields of a CSV, as a person would call them. */
#ifndef MAYFLY_APP_FILE_CSV_TYPE_H
#define MAYFLY_APP_FILE_CSV_TYPE_H

enum csv_type {
    CSV_EMPTY,
    CSV_INTEGER, /* of 64 bits, without leading zeros; a code with leading zeros is text */
    CSV_DECIMAL, /* also with an exponent, and with a decimal comma unless that is the delimiter */
    CSV_BOOLEAN, /* true, false, yes, no in any case */
    CSV_DATE,    /* ISO 8601: a date, or date and time */
    CSV_TEXT,
};

/* A constant word such as "integer". */
const char *csv_type_word(enum csv_type);

/* The type of a field without spaces around it. */
enum csv_type csv_type_of(const char *text, char delimiter);

/* The type of a column with fields of both types. */
enum csv_type csv_type_of_both(enum csv_type, enum csv_type);

#endif
