/* The site whose program sends a request. */
#ifndef MAYFLY_APP_SESSION_APP_CALLER_H
#define MAYFLY_APP_SESSION_APP_CALLER_H

#include "app/exchange.h"

/* Sets x->caller by the request's key. ERR_LOGIN: it has no valid key; a session's token or cookie is none. */
bool app_caller(struct exchange *, struct err *) MUST_CHECK;

#endif
