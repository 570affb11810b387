/*
 * A worker does not wait for another transaction's lock. A handler, or the end of a body, that meets one fails with
 * err->busy after database_lock_ms. Its exchange is then put aside, and the same is run again after a pause, with the
 * same keys of its outcome, until it is done or database_patience_ms have passed.
 *
 *   run --busy--> aside --pause--> run --…--> answered
 *                 aside --patience is over--> 503 with Retry-After
 *
 * So a handler may run several times from its beginning. What it did before it failed was in a transaction that was
 * rolled back, or is found again by its key (app/once.h). What must not be done twice is noted in the exchange.
 */
#ifndef MAYFLY_APP_AGAIN_H
#define MAYFLY_APP_AGAIN_H

#include "app/exchange.h"

/*
 * After a failure: whether x is to be run again, after x->pause_ms. Rewinds the arena if nothing was kept since the
 * mark.
 */
bool again_put_aside(struct exchange *, const struct err *) MUST_CHECK;

/* Prepares x for the next run of its handler, as for the first. */
void again_begin(struct exchange *);

/* The request is answered, or given up. */
void again_end(struct exchange *);

#endif
