/*
 * The cookie of a device from which its user has logged in before: the account's id, an id of its own that contains the
 * time, and a MAC with the installation's secret. It does not log in. A log-in with it counts in a bucket of its own
 * (store/attempt.h), so that attempts of others do not lock its user out; a thief of the cookie gets as many attempts
 * as from one more address. It stays valid when the password changes, because attempts of others may be the reason for
 * that change.
 */
#ifndef MAYFLY_APP_ACCOUNT_DEVICE_COOKIE_H
#define MAYFLY_APP_ACCOUNT_DEVICE_COOKIE_H

#include "app/exchange.h"

struct device {
    struct uuid account;
    struct uuid id;
};

/*
 * The device cookie of this account in the request, signed with any key of the secret and not too old. False: there is
 * none. NULL, for no account, takes as long.
 */
bool device_cookie_find(const struct exchange *, const struct uuid *account, struct device *) MUST_CHECK;

/*
 * Adds a new one to the answer of a request that has shown the account's password, unless it is a script's form: what
 * keeps no cookies is given the session's alone.
 */
bool device_cookie_give(struct exchange *, const struct uuid *account, struct err *) MUST_CHECK;

#endif
