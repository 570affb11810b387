#include "base/backoff.h"

#include "base/clock.h"

int64_t backoff_jitter(int64_t ms)
{
    return ms / 2 + random_below((uint32_t)ms + 1) + 1;
}

int64_t backoff_ms(int times, int64_t least_ms, int64_t most_ms)
{
    int64_t ms = least_ms;

    for (int i = 1; i < times && ms < most_ms; i++)
        ms *= 2;
    return backoff_jitter(ms < most_ms ? ms : most_ms);
}
