/*
 * Decimal numbers. Written without printf(3), which costs more than all else in a line of the log; read without strtol(3), which takes
 * spaces, a plus sign and what follows the digits.
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

/* Writes exactly `digits` digits, with leading zeros and without a NUL: the last ones of number, which is not negative. */
void decimal_pad(unsigned number, size_t digits, char *text);

/* The whole text is digits, behind a minus when least is negative, and the number least..most; else false and *number stays. */
bool decimal_parse(const char *text, int64_t least, int64_t most, int64_t *number) MUST_CHECK;

/* Moves *at past the digits there; a number too large becomes INT64_MAX. False when there is no digit. */
bool decimal_take(const char **at, int64_t *number) MUST_CHECK;

#endif
