/*
 * Combining marks: characters that change the one before them, and characters that NFKD turns into such ones. The table
 * is our own: it has 2.6 kB that all workers share, takes no time at their start, and needs one look-up for each
 * character of a text that may be long. build-aux/marks.pl prints it; t/0115 compares it with the C library's.
 */
#ifndef MAYFLY_BASE_MARKS_H
#define MAYFLY_BASE_MARKS_H

#include <stdbool.h>
#include <stdint.h>

bool mark_is(uint32_t code);

#endif
