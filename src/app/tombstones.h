/*
 * The cached copies of sessions that a change has ended or altered (x->forgets): after COMMIT and before the answer each gets its
 * tombstone. That order is what makes a log-out win.
 *
 *   COMMIT --told--> answered
 *   COMMIT --a node hangs--> waits, as a job --told, or cache_fresh_s (10 s at most) are over--> answered
 *   COMMIT --a node is unreachable--> answered, and tombstone_lost is logged
 */
#ifndef MAYFLY_APP_TOMBSTONES_H
#define MAYFLY_APP_TOMBSTONES_H

#include "app/exchange.h"

/* The answer is made but for what the handler adds after this. Sets x->job when a node has to be waited for. */
void tombstones(struct exchange *);

/* Of one session, where nobody can wait: what hangs is taken for lost. */
void tombstone_at_once(struct exchange *, const struct uuid *id);

#endif
