/* Decides which session a request has, and whether it may do what it asks for. */
#ifndef MAYFLY_APP_AUTHORISE_H
#define MAYFLY_APP_AUTHORISE_H

#include "app/exchange.h"

/*
 * Looks up the session if the route needs it, and checks the origin of a change. ERR_LOGIN: the route needs a live
 * session and there is none. ERR_DENIED: another site may have caused a change that is authorised by a cookie.
 * ERR_DOWN: this can't be decided now. An outage is never answered like a log-out.
 */
bool authorise(struct exchange *, struct err *) MUST_CHECK;

/* A line of the log: the request's key was refused, and why. */
void authorise_note_key(const struct exchange *, const char *reason);

#endif
