/*
 * Turns that may wait for a storage or a child run in coroutines (base/coroutine.h). While a turn waits, its request
 * stays in hand. The log's trace and the database's limits, which all requests share, are set for it again when it
 * continues. For turn.c and turns.c.
 */
#ifndef MAYFLY_WORKER_STINT_H
#define MAYFLY_WORKER_STINT_H

#include "worker/turns.h"

enum stint_end {
    STINT_OVER,      /* the request has ended */
    STINT_WAITS,     /* the request is kept: its stint waits, or has put it aside */
    STINT_NOT_BEGUN, /* memory is out, or the limit of waiting stints is reached and this one would have to wait */
};

/* Begins or continues a request. opened: the error of exchange_open for a request that begins, else NULL. */
typedef bool stint_step(struct turns *, struct turn *, const struct err *opened);

enum stint_end stint_run(struct turns *, struct turn *, const struct err *opened, stint_step *) MUST_CHECK;

/* Continues the stints that are ready, and returns their number. */
size_t stints_go_on(struct turns *);

/* From now on no stint waits, and all of them end. */
void stints_cancel(struct turns *);

#endif
