/*
 * What bodies hold in a worker, of which worker_stream_bytes is the bound.
 *
 * One that can be stored half way (body_sink.holds) takes what it needs. When all hold too much, the one that holds
 * most and is not ready is stored and ends; what its sender has of the row's offset is where he goes on.
 *
 * For one that can't (body_sink.needs) memory is reserved before anything of it is read; until there is room for it, it
 * stays where it is, with nginx. Whoever has it needs nobody else to come to its end, so the others have their turn: in
 * the order in which they came, except that those wait whose account has its share.
 */
#ifndef MAYFLY_WORKER_BODY_MEMORY_H
#define MAYFLY_WORKER_BODY_MEMORY_H

#include "worker/turns.h"

/* False: memory is out. */
bool body_memory_init(struct turns *, uint64_t seed) MUST_CHECK;

/* Whether a turn has what its body needs, from now on or since before. */
bool body_memory_take(struct turns *, struct turn *) MUST_CHECK;
void body_memory_give(struct turns *, struct turn *);

/* Puts a turn into the line, and takes it out. */
void body_memory_wait(struct turns *, struct turn *);
void body_memory_leave(struct turns *, struct turn *);

/* The next one of the line, which has its memory now and is in the line no more; NULL: there is none. */
struct turn *body_memory_next(struct turns *) MUST_CHECK;

/* Whether there may be a next one. */
bool body_memory_is_due(const struct turns *) MUST_CHECK;

/*
 * Ends bodies that can be gone on with until all hold no more than they may. One whose end has come is nearly done and
 * goes on.
 */
void body_memory_let_go(struct turns *);

#endif
