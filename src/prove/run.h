/* mayfly-prove, the run as a whole: its phases, its hooks and what it says meanwhile. */
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

/* From the first account to the last one's end. False when the run could not be made. */
bool run_go(struct run *, struct err *) MUST_CHECK;

#endif
