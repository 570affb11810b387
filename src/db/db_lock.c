#include "db/db_lock.h"

#include "base/backoff.h"

/* Most locks are held for some milliseconds; each try waits in the database for database_lock_ms, so none is made more often. */
enum { PAUSE_LEAST_MS = 2, PAUSE_MOST_MS = 50 };

bool db_lock_wait(struct db_lock_wait *wait, struct coroutines *set, const struct clock *clock, int64_t patience_ms,
                  struct err *err)
{
    int64_t now_us = clock->monotonic_us();

    if (!err->busy || !coroutine_may_wait(set))
        return false;
    if (wait->times++ == 0)
        wait->until_us = now_us + patience_ms * 1000;
    err->busy = now_us < wait->until_us;
    return err->busy &&
           coroutine_wait(set, clock, -1, 0, now_us + backoff_ms(wait->times, PAUSE_LEAST_MS, PAUSE_MOST_MS) * 1000);
}
