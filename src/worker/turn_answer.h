/* Sends answers, long ones in pieces. True: the request has ended; else it waits for its next turn and must be kept. */
#ifndef MAYFLY_WORKER_TURN_ANSWER_H
#define MAYFLY_WORKER_TURN_ANSWER_H

#include "worker/turn.h"

/* Sends what serve, serve_end or serve_step left in *bytes: SERVING_ANSWER, SERVING_PIECES or SERVING_NOTHING. */
bool turn_answer(struct turns *, struct turn *, enum serving, const struct buf *bytes) MUST_CHECK;

/* Continues an answer. A client that takes nothing any more is not waited for. */
bool turn_send_pieces(struct turns *, struct turn *) MUST_CHECK;

#endif
