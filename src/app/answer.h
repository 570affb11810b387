/* Makes the bytes that nginx gets from x->response, or from the error that the handler returned. */
#ifndef MAYFLY_APP_ANSWER_H
#define MAYFLY_APP_ANSWER_H

#include "app/exchange.h"

/*
 * Writes the answer of a request that was handled or failed with *err: its head, and its body unless x->source gives
 * it. Also writes the request's line of the log and counts it. *answer lives in the arena of x. False: memory is out,
 * and no answer is possible.
 */
bool answer_make(struct exchange *x, const struct err *err, struct buf *answer) MUST_CHECK;

#endif
