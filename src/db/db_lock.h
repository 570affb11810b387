/*
 * Waiting for another transaction's lock. A request that runs in a coroutine waits there, outside of the database, and
 * then tries again, so that it delays no other. A request that runs in the worker's loop is put aside by app/again.h
 * instead.
 */
#ifndef MAYFLY_DB_DB_LOCK_H
#define MAYFLY_DB_DB_LOCK_H

#include "base/config.h"
#include "base/coroutine.h"

/* All zeroes: no lock was met yet. */
struct db_lock_wait {
    int times;
    int64_t until_us;
};

/*
 * Whether to try again, after a pause. False: the error is not a lock, this is no coroutine, or database_patience_ms
 * are over; in the last case err->busy is cleared, since the request has waited long enough. *waiting is how many
 * requests of the process wait here: each attempt blocks the process for database_lock_ms, so the more there are, the
 * longer they pause (base/backoff.h).
 */
bool db_lock_wait(struct db_lock_wait *, size_t *waiting, struct coroutines *, const struct clock *,
                  const struct config *, struct err *) MUST_CHECK;

#endif
