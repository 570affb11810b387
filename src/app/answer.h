/* From what a handler left in x->response, or the error that it ended with, to the bytes that nginx gets. */
#ifndef MAYFLY_APP_ANSWER_H
#define MAYFLY_APP_ANSWER_H

#include "app/exchange.h"

/*
 * Writes the answer of a request that was handled, or failed with *err: its head, and the body unless x->source gives it. Also writes the
 * request's line of the log and counts it. *answer lives in x's arena. False: memory is out, and nothing can be said.
 */
bool answer_make(struct exchange *x, const struct err *err, struct buf *answer) MUST_CHECK;

#endif
