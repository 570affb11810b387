/* A file of settings or secrets, line by line. */
#ifndef MAYFLY_BASE_LINES_H
#define MAYFLY_BASE_LINES_H

#include "base/err.h"

#include <stdio.h>

/* The longest line of any file, without its end: an S3 session token with its name. */
enum { LINE_MAX_BYTES = 4350 };

/*
 * Takes a line, NUL-terminated and without its end, which it may change; number counts from 1. "path:number: " is put
 * before the detail of *err.
 */
typedef bool line_taker(void *arg, char *line, int number, struct err *err);

/*
 * Gives all lines of at most `most` bytes (LINE_MAX_BYTES or fewer) to the taker, up to the first one that it refuses,
 * and closes the file. Nothing that was read stays in memory. ERR_INPUT, with the path: a line is too long or was
 * refused, or the file can't be read.
 */
bool lines_read(FILE *file, const char *path, size_t most, line_taker *take, void *arg, struct err *err) MUST_CHECK;

#endif
