/*
 * Requests that verify a password, which blocks the worker for as long as it takes. They wait here, with their whole
 * bodies, in the order of app/admission.h.
 */
#ifndef MAYFLY_WORKER_PASSWORD_QUEUE_H
#define MAYFLY_WORKER_PASSWORD_QUEUE_H

#include "worker/turn.h"

/* Puts a turn into the queue. A full queue answers this turn, or another one in its place, with 429. */
void password_queue_put(struct turns *, struct turn *);

/* Removes a turn whose client has closed the connection, or that has waited for request_timeout_ms. */
void password_queue_leave(struct turns *, struct turn *);

/* Serves the next turn of the queue. */
void password_queue_serve(struct turns *);

#endif
