/* Decimal numbers without printf(3), which costs more than all else in a line of the log. */
#ifndef MAYFLY_BASE_DECIMAL_H
#define MAYFLY_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_BYTES = 21 }; /* INT64_MIN and the NUL */

/* Writes number, NUL-terminated; returns its length. */
size_t decimal_format(int64_t number, char text[DECIMAL_BYTES]);

/* Writes exactly `digits` digits, with leading zeros and without a NUL: the last ones of number, which is not negative. */
void decimal_pad(unsigned number, size_t digits, char *text);

#endif
