/*
 * Decimal numbers. They are written without printf(3), which costs more than everything else in a line of the log, and
 * read without strtol(3), which accepts spaces, a plus sign and anything after the digits.
 */
#ifndef MAYFLY_BASE_DECIMAL_H
#define MAYFLY_BASE_DECIMAL_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_BYTES = 21 }; /* INT64_MIN and the NUL */

/* Writes number, NUL-terminated; returns its length. */
size_t decimal_format(int64_t number, char text[DECIMAL_BYTES]);

/*
 * Writes exactly `digits` digits, with leading zeros and without a NUL: the last ones of number, which is not negative.
 */
void decimal_pad(unsigned number, size_t digits, char *text);

/*
 * Reads a text of digits alone, after a minus when least is negative, within least..most; otherwise false, and *number
 * is unchanged.
 */
bool decimal_parse(const char *text, int64_t least, int64_t most, int64_t *number) MUST_CHECK;

/* Moves *at past the digits there; a number too large becomes INT64_MAX. False when there is no digit. */
bool decimal_take(const char **at, int64_t *number) MUST_CHECK;

#endif
