/* Memory of one request. Allocations are not freed one by one; cleanups run last in, first out. */
#ifndef MAYFLY_BASE_ARENA_H
#define MAYFLY_BASE_ARENA_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct arena_block;
struct arena_cleanup;

struct arena {
    struct arena_block *blocks; /* newest first; the first block ever made is kept by arena_reset */
    struct arena_cleanup *cleanups;
    size_t used_bytes;
    size_t limit_bytes;
};

/* An empty arena that hands out at most limit_bytes between two resets. Allocates nothing yet. */
void arena_init(struct arena *, size_t limit_bytes);

/* Memory for size bytes aligned for any type; NULL at the limit or when memory is out. Lives until arena_reset. */
void *arena_alloc(struct arena *, size_t size) MUST_CHECK;

/* The same, zeroed. */
void *arena_zalloc(struct arena *, size_t size) MUST_CHECK;

/* NUL-terminated copies; NULL as arena_alloc. */
char *arena_strdup(struct arena *, const char *text) MUST_CHECK;
char *arena_strndup(struct arena *, const char *text, size_t length) MUST_CHECK;
char *arena_printf(struct arena *, const char *format, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* Runs release(object) at arena_reset. When it can't be noted, release runs at once and false is returned. */
bool arena_defer(struct arena *, void (*release)(void *object), void *object) MUST_CHECK;

/* Runs the cleanups and forgets every allocation; keeps one block, so that the next request needs no malloc. */
void arena_reset(struct arena *);

/* A position in an arena: arena_rewind gives back what was allocated after it and keeps the rest. */
struct arena_mark {
    struct arena_block *block;
    struct arena_cleanup *cleanups;
    size_t block_used;
    size_t used_bytes;
};

struct arena_mark arena_mark(const struct arena *);
void arena_rewind(struct arena *, const struct arena_mark *);

/* As arena_reset, and gives all memory back. */
void arena_free(struct arena *);

#endif
