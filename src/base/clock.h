/* Time and randomness behind pointers, so that tests can replace both. */
#ifndef MAYFLY_BASE_CLOCK_H
#define MAYFLY_BASE_CLOCK_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock {
    /* since 1970, this host's clock: compare with database times; store in ids only, and what says the same */
    int64_t (*now_ms)(void);
    int64_t (*monotonic_us)(void); /* for durations and deadlines */
};

extern const struct clock clock_system;

/* Called once, before anything that needs libsodium; false when libsodium can't start. */
bool random_start(void) MUST_CHECK;

/* Cryptographic randomness (libsodium, getrandom(2)); can't fail after random_start. */
void random_bytes(void *bytes, size_t length);

/* A number in [0, bound) without bias. */
uint32_t random_below(uint32_t bound);

#endif
