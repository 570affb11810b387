/*
 * mayfly-prove, the interface between the run (prove/run.h) and the users of the site: clients that play scenes on
 * mayfly, or virtual users of a scenario. Each has a number below client_count.
 */
#ifndef MAYFLY_PROVE_PLAY_H
#define MAYFLY_PROVE_PLAY_H

#include "prove/http.h"

struct prove;

struct play {
    /* Sends what is due. False when the run can't continue. */
    bool (*go)(struct prove *, size_t number, int64_t now_us, struct err *);
    /* When it has something to do again, if no answer comes before that. */
    int64_t (*due_us)(const struct prove *, size_t number, int64_t now_us);
    /* Takes an answer of a slot. False when the run can't continue. */
    bool (*answer)(struct prove *, size_t slot, const struct prove_answer *, int64_t now_us, struct err *);
    /* Whether nothing is under way and nothing is left to do in this phase. */
    bool (*none_left)(const struct prove *, size_t number);
    /* When the last request that was answered was first sent. */
    int64_t (*finished_us)(const struct prove *, size_t number);
    /* The site has recovered from an event: all that was acknowledged is asked for. NULL: only in the end. */
    void (*ask)(struct prove *);
    /* Whether that was done. */
    bool (*asked)(const struct prove *);
};

#endif
