/*
 * The memory that request bodies hold in a worker, bounded by worker_stream_bytes.
 *
 * A body that can be stored half way (body_sink.holds) takes what it needs. When all together hold too much, the
 * largest one that is not ready is stored and ended; its client continues from the offset in the row.
 *
 * For a body that can't be stored half way (body_sink.needs), memory is reserved before any byte is read; until there
 * is room, the body stays with nginx. A body with a reservation can always be finished, so each reservation ends, and
 * the others follow in the order in which they came, except that bodies of an account that has its share wait.
 */
#ifndef MAYFLY_WORKER_BODY_MEMORY_H
#define MAYFLY_WORKER_BODY_MEMORY_H

#include "worker/turns.h"

/* False: memory is out. */
bool body_memory_init(struct turns *, uint64_t seed) MUST_CHECK;

/* Whether a turn has the memory that its body needs; reserves it if there is room. */
bool body_memory_take(struct turns *, struct turn *) MUST_CHECK;
void body_memory_give(struct turns *, struct turn *);

/* Puts a turn into the queue, and takes it out. */
void body_memory_wait(struct turns *, struct turn *);
void body_memory_leave(struct turns *, struct turn *);

/* Takes the next turn for which there is room out of the queue and gives it its memory; NULL: there is none. */
struct turn *body_memory_next(struct turns *) MUST_CHECK;

/* Whether body_memory_next may find one. */
bool body_memory_is_due(const struct turns *) MUST_CHECK;

/*
 * Ends bodies that can be stored half way until all hold no more than the bound. A body whose end has arrived is not
 * ended, since it is nearly done.
 */
void body_memory_let_go(struct turns *);

#endif
