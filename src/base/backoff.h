/* Pauses before a request tries again what another transaction has locked. */
#ifndef MAYFLY_BASE_BACKOFF_H
#define MAYFLY_BASE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

/*
 * The pause before the next try, after `times` (1 or more) have failed: twice as long each time, up to a bound. It is
 * multiplied by a random factor of a half to one and a half, so that requests that wait for the same lock do not keep
 * trying at the same time. A try may hold up the process for try_ms: when `count` of its requests wait, each pauses so
 * long that their tries together leave other requests most of the process's time.
 */
int64_t backoff_ms(int times, int64_t try_ms, size_t count);

#endif
