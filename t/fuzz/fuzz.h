/* What the harnesses share. Each input is copied to memory of exactly its length, so that ASan sees a byte too far. */
#ifndef MAYFLY_FUZZ_H
#define MAYFLY_FUZZ_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "broken promise: %s at %s:%d\n", #condition, __FILE__, __LINE__);                          \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline char *exact(const void *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);

    memcpy(copy, bytes, length);
    return copy;
}

/* With a NUL behind, as headers come. NULL when there is one inside. */
static inline char *text_of(const void *bytes, size_t length)
{
    char *copy;

    if (memchr(bytes, '\0', length) != NULL)
        return NULL;
    copy = malloc(length + 1);
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

/* FNV-1a, to compare what was seen. */
static inline uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

#endif
