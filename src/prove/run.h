/* mayfly-prove, the run: its phases, its hooks and its progress. */
#ifndef MAYFLY_PROVE_RUN_H
#define MAYFLY_PROVE_RUN_H

#include "prove/prove.h"

struct run {
    const struct prove_options *options;
    struct prove prove;
    struct hook_run hook;
    size_t next_hook;
    int64_t phase_us, load_us, hook_end_us; /* when they began or ended */
    int64_t progress_us;
    int signals;
    int interruptions;
    bool unmade; /* the accounts were not made in time */
    bool tty;
};

/* From now on ^C and TERM end the run early. */
bool run_watch_signals(struct run *, struct err *) MUST_CHECK;

/* Runs from the first registration to the closing of the last account. False when the run failed. */
bool run_go(struct run *, struct err *) MUST_CHECK;

#endif
