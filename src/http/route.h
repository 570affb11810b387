/* The route table: a row carries its policy, and what it does not allow is refused. */
#ifndef MAYFLY_HTTP_ROUTE_H
#define MAYFLY_HTTP_ROUTE_H

#include "http/request.h"

struct exchange; /* a request with its answer in the making; the app layer's */

/* Zero means that nobody may: each row says who. */
enum route_need {
    NEED_REFUSED = 0,
    NEED_NOTHING, /* anybody; the session is not even looked up */
    NEED_GUEST,   /* anybody; a live session is known when there is one */
    NEED_LOGIN,   /* a live session, or 401 */
    NEED_PAGE,    /* a live session, or for browsers the way to the log-in page */
};

/* Bits. */
enum route_trait {
    PACE_AT_ONCE = 0,
    /* The handler, or what it leaves to be done, may wait for somebody slow: then it does so in a coroutine. */
    PACE_MAY_WAIT = 1,
    /*
     * What is there has an entity tag, and the handler evaluates the preconditions (precondition.h) where it knows what is there.
     * Of all others If-Match fails, since it names what is not there.
     */
    HAS_TAG = 2,
};

struct route {
    enum method method;
    const char *path; /* "/files/:id/links/:link": up to two segments may be parameters */
    enum route_need need;
    bool (*handle)(struct exchange *, struct err *);
    /* Adds what every answer of this route must have, errors included; may turn *refused into another error. NULL: nothing. */
    bool (*dress)(struct exchange *, struct err *refused, struct err *);
    unsigned traits;
};

enum { ROUTE_PARAMETER_MAX = 128, ROUTE_ALLOW_MAX = 64 };

/* What a path matched. */
struct route_match {
    const struct route *route;
    char parameter[ROUTE_PARAMETER_MAX];
    char second[ROUTE_PARAMETER_MAX];
    unsigned methods; /* that the path takes */
};

/* ERR_ABSENT: no row has this path. ERR_METHOD: none has this method; methods says which there are. */
bool route_find(const struct route *routes, size_t count, enum method, const char *path, struct route_match *,
                struct err *) MUST_CHECK;

/* A path's methods as Allow wants them (RFC 9110, section 10.2.1), with HEAD and OPTIONS. Returns allow. */
const char *route_allow(const struct route_match *, char allow[ROUTE_ALLOW_MAX]);

#endif
