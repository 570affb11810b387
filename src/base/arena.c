#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block holds nearly every request: parameters are borrowed, and most answers have a few KiB. */
enum { BLOCK_BYTES = 16 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena_cleanup {
    struct arena_cleanup *older;
    void (*release)(void *);
    void *object;
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static struct arena_block *block_new(struct arena *arena, size_t size)
{
    size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *block = malloc(sizeof *block + capacity);

    if (block == NULL)
        return NULL;
    block->size = capacity;
    block->used = 0;
    block->older = arena->blocks;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct arena_block *block = arena->blocks;
    void *memory;

    if (size > arena->limit_bytes || arena->used_bytes > arena->limit_bytes - size)
        return NULL;
    size = (size + align - 1) / align * align;
    if (block == NULL || block->size - block->used < size)
        block = block_new(arena, size);
    if (block == NULL)
        return NULL;
    memory = block->bytes + block->used;
    block->used += size;
    arena->used_bytes += size;
    return memory;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);

    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return NULL;
    text = arena_alloc(arena, (size_t)length + 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

bool arena_defer(struct arena *arena, void (*release)(void *), void *object)
{
    struct arena_cleanup *cleanup = arena_alloc(arena, sizeof *cleanup);

    if (cleanup == NULL) {
        release(object);
        return false;
    }
    *cleanup = (struct arena_cleanup){arena->cleanups, release, object};
    arena->cleanups = cleanup;
    return true;
}

static void run_cleanups(struct arena *arena, const struct arena_cleanup *until)
{
    while (arena->cleanups != until) {
        struct arena_cleanup *cleanup = arena->cleanups;

        arena->cleanups = cleanup->older;
        cleanup->release(cleanup->object);
    }
}

static void free_blocks(struct arena *arena, bool keep_first)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;

        if (keep_first && block->older == NULL && block->size == BLOCK_BYTES) {
            block->used = 0;
            return;
        }
        arena->blocks = block->older;
        free(block);
    }
}

void arena_reset(struct arena *arena)
{
    run_cleanups(arena, NULL);
    free_blocks(arena, true);
    arena->used_bytes = 0;
}

void arena_free(struct arena *arena)
{
    run_cleanups(arena, NULL);
    free_blocks(arena, false);
    arena->used_bytes = 0;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){
        .block = arena->blocks,
        .cleanups = arena->cleanups,
        .block_used = arena->blocks != NULL ? arena->blocks->used : 0,
        .used_bytes = arena->used_bytes,
    };
}

void arena_rewind(struct arena *arena, const struct arena_mark *mark)
{
    run_cleanups(arena, mark->cleanups);
    while (arena->blocks != mark->block) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->older;
        free(block);
    }
    if (mark->block != NULL)
        mark->block->used = mark->block_used;
    arena->used_bytes = mark->used_bytes;
}
