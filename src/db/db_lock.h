/*
 * Who met another's lock and runs in a coroutine waits for it there, outside of the database, and then tries again: it
 * holds nobody up. Who runs in the worker's loop itself is put aside by app/again.h instead.
 */
#ifndef MAYFLY_DB_DB_LOCK_H
#define MAYFLY_DB_DB_LOCK_H

#include "base/config.h"
#include "base/coroutine.h"

/* Zeroed: it was not met yet. */
struct db_lock_wait {
    int times;
    int64_t until_us;
};

/*
 * Whether to try again, after a pause. False: it was not a lock, nobody can wait here, or database_patience_ms are
 * over; in the last case err->busy goes, since the request has waited long enough. *waiting is how many of the process
 * wait here, since each try holds up the process for database_lock_ms: the more they are, the longer they pause
 * (base/backoff.h).
 */
bool db_lock_wait(struct db_lock_wait *, size_t *waiting, struct coroutines *, const struct clock *,
                  const struct config *, struct err *) MUST_CHECK;

#endif
