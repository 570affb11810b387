/* Passwords as requests present them: limited, checked at an equal cost for known and unknown names, made anew. */
#ifndef MAYFLY_APP_ACCOUNT_CREDENTIALS_H
#define MAYFLY_APP_ACCOUNT_CREDENTIALS_H

#include "app/exchange.h"
#include "base/password.h"
#include "store/account.h"
#include "store/attempt.h"

struct password_cost credentials_cost(const struct config *);

/*
 * Whose name and password these are. ERR_LIMIT when there were too many wrong ones, ERR_LOGIN when they do not fit or the
 * account is disabled, ERR_VALUE for a name that nobody can have. The attempt stays counted until credentials_forgive, inside
 * the transaction of the effect. *stale: the hash should be made anew.
 */
bool credentials_check(struct exchange *, const char *login, const char *password, struct account *, struct attempt *,
                       bool *stale, struct err *) MUST_CHECK;

/*
 * The same for the account of the session at hand, before something that a stolen session must not do; ERR_DENIED when it
 * does not fit. What else is wrong with the request is said before: only a wrong password is a failed attempt. True with x->replayed when this request was done before and is answered by that: nothing is left to do.
 */
bool credentials_confirm(struct exchange *, const char *password, struct account *, struct attempt *,
                         struct err *) MUST_CHECK;

bool credentials_forgive(struct exchange *, const struct attempt *, struct err *) MUST_CHECK;

/*
 * For what became of an effect whose password was right: one that failed for another reason, or was done before, is no failed
 * attempt. Answers done.
 */
bool credentials_settle(struct exchange *, const struct attempt *, bool done, const struct err *) MUST_CHECK;

bool credentials_hash(struct exchange *, const char *password, char hash[PASSWORD_HASH_BYTES], struct err *) MUST_CHECK;

/* Time as RFC 3339 in the arena; NULL when memory is out. */
const char *credentials_expiry(struct exchange *, int64_t expires_at_ms) MUST_CHECK;

#endif
