/* What is secret comes in the lines of a file, since everybody on the host can read a program's arguments. */
#ifndef MAYFLY_CTL_PRIVATE_LINES_H
#define MAYFLY_CTL_PRIVATE_LINES_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

enum { PRIVATE_LINE_BYTES = 1024 }; /* a name, a password or a token; none of them may be longer */

/* The first `count` lines of a file, "-" being standard input, in the arena. ERR_INPUT: one is missing or empty. */
bool private_lines_read(struct arena *, const char *path, const char **lines, size_t count, struct err *) MUST_CHECK;

#endif
