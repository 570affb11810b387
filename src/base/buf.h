/* A byte buffer in an arena, with a limit from its start. Always NUL-terminated, so bytes is a string too. */
#ifndef MAYFLY_BASE_BUF_H
#define MAYFLY_BASE_BUF_H

#include "base/arena.h"

struct buf {
    struct arena *arena;
    char *bytes; /* "" while empty; owned by the arena */
    size_t length;
    size_t capacity;
    size_t max_bytes;
};

/* An empty buffer; allocates nothing yet. */
void buf_init(struct buf *, struct arena *, size_t max_bytes);

/* Each adds all or nothing; false at the limit or when memory is out. */
bool buf_add(struct buf *, const void *bytes, size_t length) MUST_CHECK;
bool buf_add_string(struct buf *, const char *text) MUST_CHECK;
bool buf_add_strings(struct buf *, const char *const *texts, size_t count) MUST_CHECK;
bool buf_printf(struct buf *, const char *format, ...) MUST_CHECK PRINTF_LIKE(2, 3);

#define BUF_ADD_STRINGS(buf, ...)                                                                                      \
    buf_add_strings(buf, (const char *const[]){__VA_ARGS__},                                                           \
                    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Room for length more bytes at bytes + length, to be filled by the caller, who then adds to length; NULL as above. */
char *buf_reserve(struct buf *, size_t length) MUST_CHECK;

#endif
