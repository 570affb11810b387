/*
 * Blocks of one size for bytes that streams read ahead. They are mapped apart from the heap, so that a block that is
 * given back leaves no hole there. A few are kept for the next takers, since each page of a new block costs a page
 * fault.
 */
#ifndef MAYFLY_BASE_BLOCK_POOL_H
#define MAYFLY_BASE_BLOCK_POOL_H

#include "base/attr.h"

#include <stddef.h>

enum {
    BLOCK_POOL_BYTES = 256 * 1024, /* size of a block, the same as in the back end "postgres" */
    /* Streams that are ready take turns, so few blocks are free at a time; this is 1 MiB of a worker. */
    BLOCK_POOL_SPARE_MAX = 4,
};

/* All zeroes: an empty pool. */
struct block_pool {
    void *spare[BLOCK_POOL_SPARE_MAX];
    size_t spare_count;
};

/* Takes a block, whose content is undefined. NULL: memory is out. */
void *block_pool_take(struct block_pool *) MUST_CHECK;

/* Gives back a block; nothing for NULL. */
void block_pool_give(struct block_pool *, void *block);

/* Gives the kept blocks to the system. Blocks that are taken still belong to their takers. */
void block_pool_free(struct block_pool *);

#endif
