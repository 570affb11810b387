/* The answer with a new token, after a log-in or a rotation. */
#ifndef MAYFLY_APP_ACCOUNT_SIGNED_IN_H
#define MAYFLY_APP_ACCOUNT_SIGNED_IN_H

#include "app/exchange.h"

struct signed_in {
    const struct uuid *account;
    const char *token;
    struct session_expiry expiry;
    bool remember;
    const char *profile;  /* ready JSON */
    const char *location; /* where a browser is sent to */
};

/*
 * 200 with token, expiry and user; or 303 for a form of a browser, which gets the token only as a cookie. Both set a
 * device cookie.
 */
bool signed_in_answer(struct exchange *, const struct signed_in *, struct err *) MUST_CHECK;

/* Like once, for an effect that makes a session: on a day without partitions it makes them and tries again. */
bool signed_in_once(struct exchange *, bool (*effect)(struct exchange *, void *arg, struct err *), void *arg,
                    struct err *) MUST_CHECK;

/* The path that the request names to continue with, if it is on this site; otherwise fallback. */
const char *signed_in_location(const char *rd, const char *fallback);

/*
 * The address of this request as such a path. Without its query, or NULL, when it could lead elsewhere or is too long.
 */
const char *signed_in_way_here(struct exchange *);

/* Such a path as the value of a field of a query. NULL: memory is out. */
const char *signed_in_query(struct exchange *, const char *way);

#endif
