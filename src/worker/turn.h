/* Makes and ends turns, and counts them. turn_step.h does their work. */
#ifndef MAYFLY_WORKER_TURN_H
#define MAYFLY_WORKER_TURN_H

#include "worker/turns.h"

/* Makes a turn for a request. NULL: memory is out. */
struct turn *turn_take(struct turns *, struct fcgi_request *) MUST_CHECK;

/* Ends the turn of a request that is over, and frees what it had. Some turns are kept for the next requests. */
void turn_release(struct turns *, struct turn *);

/* Makes the turn a stream. False: *err says why it can't be one. */
bool turn_admit(struct turns *, struct turn *, struct err *) MUST_CHECK;

/* How much memory its body holds by now. */
void turn_note_held(struct turns *, struct turn *, size_t held);

/* Gives back the empty part of that memory. True: there was some. */
bool turn_rest(struct turns *, struct turn *);

/* Whether the turn keeps the block that was read for it while it waits for room. */
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
 * While there are few streams, each reader may hold a piece of which the socket took a part, and each sender room for a
 * block. When there are many, none does: each reads a piece when all of the last one is taken, and gives back empty
 * memory.
 */
bool turns_are_crowded(const struct turns *);

#endif
