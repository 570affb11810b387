/* The cookies of mayfly (RFC 6265bis). */
#ifndef MAYFLY_APP_ACCOUNT_COOKIE_H
#define MAYFLY_APP_ACCOUNT_COOKIE_H

#include "base/config.h"
#include "http/response.h"

enum cookie {
    COOKIE_SESSION,
    COOKIE_DEVICE, /* device_cookie.h */
    COOKIE_VISIT,  /* visit.h: at a site, for its host only, whatever cookie_domain says */
    COOKIE_WAY,    /* gate/ticket.h: the same */
};

/*
 * "__Host-mayfly", "__Host-mayfly-device" and "__Host-mayfly-visit" (COOKIE_WAY), which only this host can set;
 * "__Secure-…" with a domain; "mayfly" and so on without TLS.
 */
const char *cookie_name(const struct config *, enum cookie);

/* max_age_s 0: until the browser is closed. */
bool cookie_set(const struct config *, struct response *, enum cookie, const char *value, int64_t max_age_s,
                struct err *) MUST_CHECK;
bool cookie_clear(const struct config *, struct response *, enum cookie, struct err *) MUST_CHECK;

#endif
