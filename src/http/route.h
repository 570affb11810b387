/* The route table: each row has its policy, and what a row does not allow is refused. */
#ifndef MAYFLY_HTTP_ROUTE_H
#define MAYFLY_HTTP_ROUTE_H

#include "http/request.h"

struct exchange; /* a request with its answer; of the app layer */

/* Who may use a route. Zero refuses everybody, so each row has to name a need. */
enum route_need {
    NEED_REFUSED = 0,
    NEED_NOTHING, /* anybody; a session is looked up only to be shown on a page */
    NEED_GUEST,   /* anybody; a session is looked up */
    NEED_LOGIN,   /* a live session, or 401 */
    NEED_PAGE,    /* a live session, or for browsers the way to the log-in page */
    NEED_KEY,     /* a key of a site's own server; neither a session nor an account's key stands in for it */
};

/* Bits. */
enum route_trait {
    PACE_AT_ONCE = 0,
    /* The handler, or the work that it leaves to be done, may wait for a storage or a child: it runs in a coroutine. */
    PACE_MAY_WAIT = 1,
    /*
     * The resource has an entity tag, and the handler evaluates the preconditions (precondition.h) when it knows the
     * current one. On other routes If-Match fails, since there is no tag that it could match.
     */
    HAS_TAG = 2,
    /*
     * It is about the site that MAYFLY_TARGET is at, which is looked up beside the session; elsewhere there is no such
     * route.
     */
    AT_SITE = 4,
    /* An account's key (store/key.h) with this scope may use it as well. A route without any of these takes none. */
    KEY_OF_GATE = 8,
    KEY_OF_DATA = 16,
    KEY_OF_FILES = 32,
    /* A page of any site that is known may send it, with the session's cookie: its Origin is proof enough. */
    FROM_SITES = 64,
    /* A script of a site that is known, and where the session passes, may ask with its cookie and read the answer. */
    TELLS_SITES = 128,
};

struct route {
    enum method method;
    const char *path; /* "/files/:id/links/:link": up to two segments may be parameters */
    enum route_need need;
    bool (*handle)(struct exchange *, struct err *);
    /*
     * Adds the headers that every answer of this route has, also an error's; may turn *refused into another error.
     * NULL: none.
     */
    bool (*add_headers)(struct exchange *, struct err *refused, struct err *);
    unsigned traits;
};

enum { ROUTE_PARAMETER_MAX = 128, ROUTE_ALLOW_MAX = 64 };

/* The result of a match. */
struct route_match {
    const struct route *route;
    char parameter[ROUTE_PARAMETER_MAX];
    char second[ROUTE_PARAMETER_MAX];
    unsigned methods; /* that the path takes */
};

/* ERR_ABSENT: no row has this path. ERR_METHOD: none has this method; methods says which there are. */
bool route_find(const struct route *routes, size_t count, enum method, const char *path, struct route_match *,
                struct err *) MUST_CHECK;

/* A path's methods for Allow (RFC 9110, section 10.2.1), with HEAD and OPTIONS. Returns allow. */
const char *route_allow(const struct route_match *, char allow[ROUTE_ALLOW_MAX]);

#endif
