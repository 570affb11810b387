/* Time and randomness, so that tests can hold both in their hands. */
#ifndef MAYFLY_BASE_CLOCK_H
#define MAYFLY_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*now_ms)(void);       /* since 1970, this host's clock: compare with database times, never store */
    int64_t (*monotonic_us)(void); /* for durations and deadlines */
};

extern const struct clock clock_system;

/* Cryptographic randomness (libsodium, getrandom(2)); can't fail after sodium_init. */
void random_bytes(void *bytes, size_t length);

/* A number in [0, bound) without bias. */
uint32_t random_below(uint32_t bound);

#endif
