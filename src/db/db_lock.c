#include "db/db_lock.h"

#include "base/backoff.h"

bool db_lock_wait(struct db_lock_wait *wait, size_t *waiting, struct coroutines *set, const struct clock *clock,
                  const struct config *config, struct err *err)
{
    int64_t now_us = clock->monotonic_us();
    bool waited;

    if (!err->busy || !coroutine_may_wait(set))
        return false;
    if (wait->times++ == 0)
        wait->until_us = now_us + config->database_patience_ms * 1000;
    err->busy = now_us < wait->until_us;
    if (!err->busy)
        return false;
    ++*waiting;
    waited =
        coroutine_wait(set, clock, -1, 0, now_us + backoff_ms(wait->times, config->database_lock_ms, *waiting) * 1000);
    --*waiting;
    return waited;
}
