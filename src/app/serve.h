/* One request from its route to its finished answer. */
#ifndef MAYFLY_APP_SERVE_H
#define MAYFLY_APP_SERVE_H

#include "app/exchange.h"

/*
 * Finds the routes of all that have come together, and the sessions of those whose route asks for one, as one batch.
 * opened[i] is what exchange_open found wrong with exchanges[i], and gets what is wrong with its route.
 */
void serve_prefetch(struct exchange *const *exchanges, struct err *opened, size_t count);

/*
 * Fills x->response whatever happens; opened is what was found wrong so far. The answer's bytes, head and body, go to
 * *answer, in the exchange's arena; false when not even an error page can be made, then nothing may be sent.
 */
bool serve(struct exchange *, const struct err *opened, struct buf *answer) MUST_CHECK;

#endif
