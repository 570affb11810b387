/* The phases of a request: how long it may wait for the database in each, and whose id the lines of the log have. */
#ifndef MAYFLY_APP_PHASE_H
#define MAYFLY_APP_PHASE_H

#include "app/exchange.h"

/*
 * How long a request may wait for locks of the database. A handler does not wait, since it can be run again, or waits
 * as a coroutine (db/db_lock.h). Bytes that came and steps of a job can't be repeated, so they wait for a moment.
 */
enum phase { PHASE_HANDLER, PHASE_ENDING, PHASE_STREAM };

/* Sets the limits of the database for a phase. */
void phase_limit(const struct services *, enum phase);

/* Lines of the log have the id of the request while it is served. The id is freed with the request. */
void phase_begin(struct exchange *, enum phase);
void phase_end(struct exchange *);

#endif
