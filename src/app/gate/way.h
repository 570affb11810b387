/*
 * The way of somebody who is to log in: from a site to mayfly's home and back to the address that was asked for. What
 * the home is told is sealed with the installation's secret, so that nobody else can send people anywhere by it.
 */
#ifndef MAYFLY_APP_GATE_WAY_H
#define MAYFLY_APP_GATE_WAY_H

#include "app/exchange.h"

enum {
    /*
     * Of an address to come back to: longer ones come back to where their site begins. Sealed it is still a line of
     * nginx's 8 kB.
     */
    WAY_URL_BYTES = 3072,
    /* Of the sealed text: four characters for three bytes of an address and the little beside it. */
    WAY_TEXT_BYTES = 4400,
    /* A log-in that somebody began yesterday is begun anew. */
    WAY_LIFE_S = 86400,
};

/* Behind a way, in the address to which the log-in leads: a browser without a cookie there has refused it. */
#define WAY_LOGGED_IN "&in=1"

struct way {
    const char *url;    /* the whole, with its query */
    const char *prefix; /* beneath which mayfly answers there */
    const char *tie;    /* a digest of what the browser has kept at the site (gate/ticket.h) */
    bool again;         /* a log-in after this time is wanted: as somebody else, or as a newer proof */
    int64_t made_ms;
};

/* The origin of mayfly's own pages, for links: of the settings, or this request's own. */
const char *way_home(const struct exchange *);

/*
 * From where this request is, at an origin that x->site has: for the Location of an answer, or a link. NULL when memory
 * is out.
 */
const char *way_to_login(struct exchange *, const char *tie, bool again);

/*
 * Texts for a query: sealed by the secret for a context, and back, up to an '&' or the end. NULL: memory is out; false,
 * without an error: not ours.
 */
const char *way_seal(struct exchange *, const char *context, const char *text);
bool way_unseal(struct exchange *, const char *context, const char *sealed, char **text, struct err *) MUST_CHECK;

/* ERR_VALUE: nobody has sealed this, or too long ago. */
bool way_open(struct exchange *, const char *sealed, struct way *, struct err *) MUST_CHECK;

/*
 * The origin to which a path of the home, "/enter?to=…", leads in the end. NULL: to none that is sealed, or memory is
 * out.
 */
const char *way_origin(struct exchange *, const char *path);

/* Whether the browser sends the cookie of this request's host to the address too. */
bool way_shares_cookie(const struct exchange *, const struct way *);

#endif
