/* Pauses before something is tried again. */
#ifndef MAYFLY_BASE_BACKOFF_H
#define MAYFLY_BASE_BACKOFF_H

#include <stdint.h>

/*
 * Before the next try, after `times` (1 or more) have failed: least_ms, twice as long each time, at most most_ms; and of that half
 * to one and a half by chance, since those who wait for the same must not come together for ever.
 */
int64_t backoff_ms(int times, int64_t least_ms, int64_t most_ms);

/* The chance in it. */
int64_t backoff_jitter(int64_t ms);

#endif
