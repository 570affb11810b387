/*
 * mayfly-prove, events that need no hook: those of a process by its pid file, of units of systemd and of copies of a
 * program.
 */
#ifndef MAYFLY_PROVE_EVENTS_H
#define MAYFLY_PROVE_EVENTS_H

#include "prove/prove.h"

/* Adds them behind the hooks of the command line. ERR_INPUT: there are too many. */
bool events_add(struct prove_options *, struct err *) MUST_CHECK;

#endif
