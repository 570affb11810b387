#include "base/backoff.h"

#include "base/clock.h"

enum {
    /* Most locks are held for some milliseconds. */
    LEAST_MS = 2,
    MOST_MS = 50,
    /*
     * For each ms that a try may take, waiting requests pause so many ms: their tries take at most a fifth of the
     * process's time.
     */
    PAUSES_PER_TRY = 4,
};

int64_t backoff_ms(int times, int64_t try_ms, size_t count)
{
    int64_t fair_ms = try_ms * PAUSES_PER_TRY * (int64_t)count, ms = LEAST_MS;

    for (int i = 1; i < times && ms < MOST_MS; i++)
        ms *= 2;
    ms = ms < MOST_MS ? ms : MOST_MS;
    ms = ms > fair_ms ? ms : fair_ms;
    return ms / 2 + random_below((uint32_t)ms + 1) + 1;
}
