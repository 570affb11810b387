/* The answer to those who have got a new token: by log-in or by rotation. */
#ifndef MAYFLY_APP_ACCOUNT_SIGNED_IN_H
#define MAYFLY_APP_ACCOUNT_SIGNED_IN_H

#include "app/exchange.h"

struct signed_in {
    const struct uuid *account;
    const char *token;
    struct session_expiry expiry;
    bool remember;
    const char *profile;  /* ready JSON */
    const char *location; /* where a browser goes on */
};

/*
 * 200 with token, expiry and user, or 303 for a browser's form, which gets the token as a cookie only. Both get a device's
 * cookie.
 */
bool signed_in_answer(struct exchange *, const struct signed_in *, struct err *) MUST_CHECK;

/* As once, for an effect that makes a session: on a day for which nobody made partitions, makes them and tries once more. */
bool signed_in_once(struct exchange *, bool (*effect)(struct exchange *, void *arg, struct err *), void *arg,
                    struct err *) MUST_CHECK;

/* A path of ours to go on to, or fallback for anything that could lead elsewhere. */
const char *signed_in_location(const char *rd, const char *fallback);

/* This request's own address as such a path; without its query, or NULL, when that could lead elsewhere or is too long. */
const char *signed_in_way_here(struct exchange *);

/* Such a path as the value of a query's field; NULL when memory is out. */
const char *signed_in_query(struct exchange *, const char *way);

#endif
