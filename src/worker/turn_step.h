/*
 * One turn of a request: it begins, takes a part of its body, does a step of its job, or sends a part of its answer
 * (worker/turn_answer.h); in a coroutine if its route may wait.
 */
#ifndef MAYFLY_WORKER_TURN_STEP_H
#define MAYFLY_WORKER_TURN_STEP_H

#include "worker/turn.h"

/* A request begins, when opened is there, or goes on. True: it has ended and is to be released; else it is kept. */
bool turn_get_on(struct turns *, struct turn *, const struct err *opened) MUST_CHECK;

#endif
