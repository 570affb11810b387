/*
 * Combining marks: characters that change the one before them, and what NFKD turns into such ones. A table of our own,
 * since it has 2.6 kB that all workers share, costs their start nothing, and takes one look for each character of a
 * text that may be long. build-aux/marks.pl prints it; t/0115 compares it with the C library's.
 */
#ifndef MAYFLY_BASE_MARKS_H
#define MAYFLY_BASE_MARKS_H

#include <stdbool.h>
#include <stdint.h>

bool mark_is(uint32_t code);

#endif
