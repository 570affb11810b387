/*
 * The cookie by which a device shows that its user has logged in from there before: the account's id, an id of its own that
 * carries the time, and a MAC with the installation's secret. It logs nobody in. A log-in with it is counted by its own bucket
 * (store/attempt.h), so others' failures do not hold its user off; whoever stole it has as many guesses as from one more
 * address. So it stays as it is when the password changes: that may be the very moment at which somebody is guessing.
 */
#ifndef MAYFLY_APP_ACCOUNT_DEVICE_COOKIE_H
#define MAYFLY_APP_ACCOUNT_DEVICE_COOKIE_H

#include "app/exchange.h"

struct device {
    struct uuid account;
    struct uuid id;
};

/*
 * The account's that came with the request: signed with any key of the secret and not too old; false when there is none. NULL, for
 * no account, takes as long.
 */
bool device_cookie_find(const struct exchange *, const struct uuid *account, struct device *) MUST_CHECK;

/* A new one, with the answer to whoever has shown the account's password. */
bool device_cookie_give(struct exchange *, const struct uuid *account, struct err *) MUST_CHECK;

#endif
