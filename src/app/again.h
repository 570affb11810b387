/*
 * Nobody waits inside a worker for another's lock. A handler (or the end of a body) that meets one fails with err->busy after
 * database_lock_ms; then its exchange is put aside, and the same is run again after a pause, with the same outcome's key, until
 * it is done or database_patience_ms have passed.
 *
 *   run --busy--> aside --pause--> run --…--> answered
 *                 aside --patience is over--> 503 with Retry-After
 *
 * A handler may therefore be run several times from its beginning. Whatever it did before it failed was in a transaction that
 * was rolled back, or is found again by its key (app/once.h); what must not be done twice is kept in the exchange.
 */
#ifndef MAYFLY_APP_AGAIN_H
#define MAYFLY_APP_AGAIN_H

#include "app/exchange.h"

/* After a failure: whether x is to be run again, after x->pause_ms. Rewinds the arena when what was kept since is nothing. */
bool again_put_aside(struct exchange *, const struct err *) MUST_CHECK;

/* Before a handler's next run: as if it had never been run. */
void again_begin(struct exchange *);

/* It is answered, or given up. */
void again_end(struct exchange *);

#endif
