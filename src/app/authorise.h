/* Who asks, and may they? */
#ifndef MAYFLY_APP_AUTHORISE_H
#define MAYFLY_APP_AUTHORISE_H

#include "app/exchange.h"

/*
 * Looks the session up as the route needs it and checks the origin of mutations. ERR_LOGIN without a live session where
 * one is needed; ERR_DENIED for a cookie's mutation that another site may have caused; ERR_DOWN when it can't be known:
 * an outage is not a logout.
 */
bool authorise(struct exchange *, struct err *) MUST_CHECK;

#endif
