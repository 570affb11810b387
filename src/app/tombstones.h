/*
 * After COMMIT and before the answer, the cached copy of each session that a change has ended or altered (x->forgets)
 * is replaced by a tombstone. This order guarantees that a session has ended everywhere when its log-out is answered.
 *
 *   COMMIT --written--> answered
 *   COMMIT --a node hangs--> waits, as a job --written, or cache_fresh_s (10 s at most) are over--> answered
 *   COMMIT --a node is unreachable--> answered, and tombstone_lost is logged
 */
#ifndef MAYFLY_APP_TOMBSTONES_H
#define MAYFLY_APP_TOMBSTONES_H

#include "app/exchange.h"

/*
 * Writes the tombstones. The answer is complete except for what the handler adds after this. Sets x->job when a node
 * has to be waited for.
 */
void tombstones_write(struct exchange *);

/* Writes the tombstone of one session without waiting: for a node that hangs, tombstone_lost is logged. */
void tombstone_write_now(struct exchange *, const struct uuid *id);

#endif
