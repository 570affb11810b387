/*
 * Turns that may wait for somebody slow run in coroutines (base/coroutine.h). While one waits its request stays in
 * hand; what it shares with others, the log's trace and the database's limits, is its own again when it goes on. For
 * turn.c and turns.c.
 */
#ifndef MAYFLY_WORKER_STINT_H
#define MAYFLY_WORKER_STINT_H

#include "worker/turns.h"

enum stint_end {
    STINT_OVER,      /* the request has ended */
    STINT_WAITS,     /* it is kept: the stint waits within, or has put it aside */
    STINT_NOT_BEGUN, /* memory is out, or as many wait as may and this one has shown that it does */
};

/*
 * Gets on with a request; returns whether it has ended. opened: what exchange_open said of one that begins, else NULL.
 */
typedef bool stint_step(struct turns *, struct turn *, const struct err *opened);

enum stint_end stint_run(struct turns *, struct turn *, const struct err *opened, stint_step *) MUST_CHECK;

/* Goes on with those that are ready by now; returns how many they were. */
size_t stints_go_on(struct turns *);

/* Nobody waits any more, and all come to their ends. */
void stints_cancel(struct turns *);

#endif
