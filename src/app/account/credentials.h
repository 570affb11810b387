/*
 * Passwords in requests: attempts are limited, known and unknown names take the same time, and old hashes are made
 * again.
 */
#ifndef MAYFLY_APP_ACCOUNT_CREDENTIALS_H
#define MAYFLY_APP_ACCOUNT_CREDENTIALS_H

#include "app/exchange.h"
#include "base/password.h"
#include "store/account.h"
#include "store/attempt.h"

struct password_cost credentials_cost(const struct config *);

/*
 * Finds the account with this name and password. ERR_LIMIT: too many wrong passwords. ERR_LOGIN: they do not match, or
 * the account is disabled. ERR_VALUE: no account can have this name. The attempt counts until credentials_forgive, in
 * the transaction of the effect. *stale: the hash should be made again.
 */
bool credentials_check(struct exchange *, const char *login, const char *password, struct account *, struct attempt *,
                       bool *stale, struct err *) MUST_CHECK;

/*
 * The same for the account of the session, before a change that a stolen session must not make. ERR_DENIED: the
 * password is wrong. Other errors of the request must be found before, since only a wrong password is a failed attempt.
 * True with x->replayed: the request was done before, its answer is in the response, and nothing is left to do.
 */
bool credentials_confirm(struct exchange *, const char *password, struct account *, struct attempt *,
                         struct err *) MUST_CHECK;

bool credentials_forgive(struct exchange *, const struct attempt *, struct err *) MUST_CHECK;

/*
 * After an effect whose password was right: an effect that failed for another reason, or was done before, is not a
 * failed attempt. Returns done.
 */
bool credentials_settle(struct exchange *, const struct attempt *, bool done, const struct err *) MUST_CHECK;

bool credentials_hash(struct exchange *, const char *password, char hash[PASSWORD_HASH_BYTES], struct err *) MUST_CHECK;

/* A time as RFC 3339, in the arena. NULL: memory is out. */
const char *credentials_expiry(struct exchange *, int64_t expires_at_ms) MUST_CHECK;

#endif
