/*
 * Exactly once, for every mutation (DESIGN P3; store/outcome.h has the protocol). The key is nginx's request id, which
 * stays the same when nginx tries again on another pool, or the client's Idempotency-Key. It is bound to method and path,
 * so nobody meets another's outcome, and to whom the request is about:
 *
 *   nginx's request id                     the credential that was presented; without one the body
 *   a client's key, of an account's        the account: a new log-in meets what an earlier one has done
 *   a client's key, of a session's own     the token (/logout, /session/data, /sessions)
 *   a client's key, of a guest's           the body (/login, /register)
 *
 * The same key for something else, by query, type, precondition, form field, name or body, is ERR_VALUE. A log-in whose session
 * has ended is done again; another answer that tells a token which is dead by now is ERR_LOGIN.
 */
#ifndef MAYFLY_APP_ONCE_H
#define MAYFLY_APP_ONCE_H

#include "app/exchange.h"
#include "store/outcome.h"

/*
 * Runs effect in one transaction together with the claim and the outcome, then removes the cached copies noted in
 * x->forgets. effect fills x->response; it may be run several times and must begin anew each time. When it was done
 * before, x->response is the first answer and x->replayed is set. What effect refuses is rolled back and not kept. So is
 * what a session asked for that has ended before COMMIT (ERR_LOGIN), unless effect sets x->ends_session.
 */
bool once(struct exchange *, bool (*effect)(struct exchange *, void *arg, struct err *), void *arg,
          struct err *) MUST_CHECK;

/* Of a body that its outcome does not keep, since it is a document: x->body_elsewhere, x->body_hash. */
enum { ONCE_HASH_BYTES = 2 * 16 + 1 };
void once_hash(const void *body, size_t length, char text[ONCE_HASH_BYTES]);

/* Without an effect: sets x->replayed and the answer when this very request was done before. */
bool once_find(struct exchange *, struct err *) MUST_CHECK;

/*
 * The keys of a request with a credential while its body is still to come, so without the fingerprint: one by each key of the secret,
 * of which the first is that of the outcome.
 */
struct once_keys {
    struct outcome_key keys[SECRET_KEYS_MAX];
    size_t count;
};
bool once_keys(struct exchange *, struct once_keys *, struct err *) MUST_CHECK;

#endif
