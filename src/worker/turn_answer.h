/* Sends answers, long ones in pieces. True: the request has ended; else it waits for its next turn and must be kept. */
#ifndef MAYFLY_WORKER_TURN_ANSWER_H
#define MAYFLY_WORKER_TURN_ANSWER_H

#include "worker/turn.h"

/* What serve and its kin have left in *bytes: SERVING_ANSWER, SERVING_PIECES or SERVING_NOTHING. */
bool turn_answer(struct turns *, struct turn *, enum serving, const struct buf *bytes) MUST_CHECK;

/* Goes on with an answer. Who can't be waited for any more is let go: its peer takes nothing. */
bool turn_send_pieces(struct turns *, struct turn *) MUST_CHECK;

#endif
