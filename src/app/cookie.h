/* The session's cookie (RFC 6265bis). */
#ifndef MAYFLY_APP_COOKIE_H
#define MAYFLY_APP_COOKIE_H

#include "base/config.h"
#include "http/response.h"

/* "__Host-mayfly": bound to this host, so no other may set it; "__Secure-mayfly" with a domain; "mayfly" without TLS. */
const char *cookie_name(const struct config *);

/* max_age_s 0: until the browser is closed. */
bool cookie_set(const struct config *, struct response *, const char *token, int64_t max_age_s,
                struct err *) MUST_CHECK;
bool cookie_clear(const struct config *, struct response *, struct err *) MUST_CHECK;

#endif
