/* The end of a session by whoever has it, at mayfly's home and at a site. */
#ifndef MAYFLY_APP_ACCOUNT_LOG_OUT_H
#define MAYFLY_APP_ACCOUNT_LOG_OUT_H

#include "app/account/cookie.h"
#include "app/exchange.h"

struct log_out {
    enum cookie cookie; /* by which the session came */
    const char *to;     /* where a browser goes then */
};

/* An effect for once (app/once.h): ends x's session, and with it its visits at all sites. arg is a struct log_out. */
bool log_out(struct exchange *, void *arg, struct err *) MUST_CHECK;

#endif
