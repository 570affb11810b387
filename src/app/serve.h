/* One request from its route to its finished answer. */
#ifndef MAYFLY_APP_SERVE_H
#define MAYFLY_APP_SERVE_H

#include "app/exchange.h"

/* Asks the cache for the sessions of all that have come together, in one round trip. */
void serve_prefetch(struct exchange *const *exchanges, size_t count);

/*
 * Fills x->response whatever happens; opened is what exchange_open found wrong. The answer's bytes, head and body, go to
 * *answer, in the exchange's arena; false when not even an error page can be made, then nothing may be sent.
 */
bool serve(struct exchange *, const struct err *opened, struct buf *answer) MUST_CHECK;

#endif
