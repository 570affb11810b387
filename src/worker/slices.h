/*
 * A copy of the part of a body that arrived in one turn. fcgi_take_body only lends its slices, and the handler that
 * takes them may have to wait. The memory of one turn is kept for the next.
 */
#ifndef MAYFLY_WORKER_SLICES_H
#define MAYFLY_WORKER_SLICES_H

#include <stdbool.h>
#include <stddef.h>

struct slices {
    unsigned char *bytes;
    size_t length, size;
    bool lost; /* memory was out, and some are missing */
};

/* With the spare memory, if there is any. */
void slices_begin(struct slices *, struct slices *spare);

/* Adds one; for fcgi_take_body. */
void slices_add(void *slices, const void *bytes, size_t length);

/* Gives the memory back. */
void slices_end(struct slices *, struct slices *spare);

#endif
