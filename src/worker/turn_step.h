/*
 * What is done in one turn: a request begins, takes of its body, has a step of its job, or sends of its answer
 * (worker/turn_answer.h); in a coroutine where its route may wait.
 */
#ifndef MAYFLY_WORKER_TURN_STEP_H
#define MAYFLY_WORKER_TURN_STEP_H

#include "worker/turn.h"

/* A request begins, when opened is there, or goes on. True: it has ended and is to be released; else it is kept. */
bool turn_get_on(struct turns *, struct turn *, const struct err *opened) MUST_CHECK;

#endif
