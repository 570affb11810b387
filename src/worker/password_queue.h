/*
 * Requests that verify a password, each of which takes the whole worker: they wait here, whole, in the order of
 * app/admission.h.
 */
#ifndef MAYFLY_WORKER_PASSWORD_QUEUE_H
#define MAYFLY_WORKER_PASSWORD_QUEUE_H

#include "worker/turn.h"

/* Puts a turn into the queue, which may refuse it, or another in its favour: with 429. */
void password_queue_put(struct turns *, struct turn *);

/* Takes out one whose client has gone, or that has waited for as long as anything may stand still. */
void password_queue_leave(struct turns *, struct turn *);

/* Serves the one whose turn it is. */
void password_queue_serve(struct turns *);

#endif
