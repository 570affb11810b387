/*
 * Blocks of one size for what streams read ahead. They are mapped apart from the heap, so one that is given back leaves no hole
 * there; a few are kept for the next that want one, since each page of a new one costs a fault.
 */
#ifndef MAYFLY_BASE_BLOCK_POOL_H
#define MAYFLY_BASE_BLOCK_POOL_H

#include "base/attr.h"

#include <stddef.h>

enum {
    BLOCK_POOL_BYTES = 256 * 1024, /* of a block: one of the back end "postgres" */
    /* Streams that are ready take turns, so few blocks are given back before the next is taken; this is 1 MiB of a worker. */
    BLOCK_POOL_SPARE_MAX = 4,
};

/* Zeroed: it has none yet. */
struct block_pool {
    void *spare[BLOCK_POOL_SPARE_MAX];
    size_t spare_count;
};

/* A block, of any content. NULL: memory is out. */
void *block_pool_take(struct block_pool *) MUST_CHECK;

/* Takes back a block, or NULL. */
void block_pool_give(struct block_pool *, void *block);

/* Gives the spare ones to the system; those that are taken are their takers'. */
void block_pool_free(struct block_pool *);

#endif
