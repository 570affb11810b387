/* The life of one turn, and what it counts for. turn_step.h has what is done in it. */
#ifndef MAYFLY_WORKER_TURN_H
#define MAYFLY_WORKER_TURN_H

#include "worker/turns.h"

/* A turn for a request, among those in hand. NULL: memory is out. */
struct turn *turn_take(struct turns *, struct fcgi_request *) MUST_CHECK;

/* Its request is over: lets go of all that it had. Some are kept for the next requests. */
void turn_release(struct turns *, struct turn *);

/* It becomes a stream. False: *err says why it can be none. */
bool turn_admit(struct turns *, struct turn *, struct err *) MUST_CHECK;

/* How much memory its body holds by now. */
void turn_note_held(struct turns *, struct turn *, size_t held);

/* Gives back what of that is empty; whether that was anything. */
bool turn_rest(struct turns *, struct turn *);

/* It waits for room and keeps what was read for it; or does so no more. */
void turn_read_ahead(struct turns *, struct turn *);
void turn_read_no_more(struct turns *, struct turn *);

/*
 * Puts it aside until its connection is ready, or for a time. It keeps its exchange, also when it had been put aside
 * before.
 */
void turn_wait(struct turns *, struct turn *, enum fcgi_wait);
void turn_wait_ms(struct turns *, struct turn *, int64_t ms);

/* For the log. */
void turn_client_gone(struct turns *);

size_t turns_streams_max(const struct turns *);

/*
 * A few readers may each hold a piece of which the socket took a part, and a few senders room for a block. Of many none
 * does: each reads when all of a piece is taken, and gives back what is empty.
 */
bool turns_are_crowded(const struct turns *);

#endif
