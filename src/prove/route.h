/*
 * mayfly-prove, which workers answer: the requests of one session have to be answered by many workers of several pools.
 * Only answers of ordinary pools count, while no hook runs.
 */
#ifndef MAYFLY_PROVE_ROUTE_H
#define MAYFLY_PROVE_ROUTE_H

#include "prove/tally.h"

enum {
    /* When two pools take turns at random, one session in 2^30 has so many answers from one of them alone. */
    ROUTE_ANSWERS_MIN = 32,
    /* Of so many answers at least a tenth comes from another worker than the session's answer before. */
    ROUTE_FOLLOWED_MIN = 200,
    ROUTE_MOVED_PERCENT_MIN = 10,
};

/* Of one session. */
struct route_path {
    char last[PROVE_WORKER_BYTES];
    int64_t answers;
    bool left_worker, left_pool; /* the one that answered first */
    bool found;
};

/* Of the whole site. */
struct route_site {
    char first[PROVE_WORKER_BYTES];
    bool many_workers, many_pools;
};

void route_note(struct tally *, struct route_site *, struct route_path *, const char *account, const char *worker);

/* When the run has ended. */
void route_judge(struct tally *, const struct route_site *);

#endif
