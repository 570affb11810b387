/* Pauses before something is tried again that somebody else has locked. */
#ifndef MAYFLY_BASE_BACKOFF_H
#define MAYFLY_BASE_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Before the next try, after `times` (1 or more) have failed: twice as long each time, up to a bound; and of that half to one
 * and a half by chance, since those who wait for the same must not come together for ever. A try may hold up the process for
 * try_ms: where `count` of its requests wait, each pauses so long that the tries of all leave others most of the process's time.
 */
int64_t backoff_ms(int times, int64_t try_ms, size_t count);

#endif
