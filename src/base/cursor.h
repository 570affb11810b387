/* Reads bytes of a given length from front to back, and never beyond their end. */
#ifndef MAYFLY_BASE_CURSOR_H
#define MAYFLY_BASE_CURSOR_H

#include <stddef.h>

/* What is left: at is moved by each reader. The bytes are borrowed. */
struct cursor {
    const unsigned char *at, *end;
};

/* The next length bytes; NULL when there are fewer. */
const unsigned char *cursor_take(struct cursor *, size_t length);

/* The next bytes up to a NUL, which is taken too; NULL when there is none. */
const char *cursor_take_text(struct cursor *);

#endif
