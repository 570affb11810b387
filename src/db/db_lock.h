/*
 * Who met another's lock and runs in a coroutine waits for it there, outside of the database, and then tries again: it holds
 * nobody up. Who runs in the worker's loop itself is put aside by app/again.h instead.
 */
#ifndef MAYFLY_DB_DB_LOCK_H
#define MAYFLY_DB_DB_LOCK_H

#include "base/coroutine.h"

/* Zeroed: it was not met yet. */
struct db_lock_wait {
    int times;
    int64_t until_us;
};

/*
 * Whether to try again, after a pause. False: it was not a lock, nobody can wait here, or patience_ms are over; in the last case
 * err->busy goes, since the request has waited long enough.
 */
bool db_lock_wait(struct db_lock_wait *, struct coroutines *, const struct clock *, int64_t patience_ms,
                  struct err *) MUST_CHECK;

#endif
