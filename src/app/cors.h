/*
 * What scripts of other origins may do here (CORS, Fetch section 3.2). Nothing, but for scripts of sites that are
 * known: what a key opens that they have themselves, and, by the cookie of whoever is at the site, who that is,
 * which the site's app is told anyway. Nobody else's script reads an answer, and no cookie counts for more, so that
 * an app that was taken over can't act as its visitors at mayfly.
 */
#ifndef MAYFLY_APP_CORS_H
#define MAYFLY_APP_CORS_H

#include "app/exchange.h"

/* Readies x->site, to be looked up by Origin, where the answer depends on whose page has sent the request. */
bool cors_prepare(struct exchange *, struct err *) MUST_CHECK;

/* The known site whose page has sent the request, or NULL. */
const struct site_pass *cors_site(const struct exchange *);

/*
 * Whether a request with the session's cookie may be told who that is: it comes from mayfly's own pages, from no
 * browser, or from a site where the session passes. ERR_DENIED, ERR_DOWN.
 */
bool cors_check_visitor(struct exchange *, struct err *) MUST_CHECK;

/*
 * Adds the headers by which a browser lets a script read the answer, and those that answer a preflight. That asks
 * nobody, so it is the same for all origins: it says which requests may be tried with a key, not whose are answered.
 */
bool cors_headers(struct exchange *, struct err *) MUST_CHECK;

#endif
