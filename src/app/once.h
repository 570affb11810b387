/*
 * Makes each change happen exactly once (store/outcome.h has the protocol). The key is nginx's request id, which stays
 * the same when nginx tries another pool, or the client's Idempotency-Key. It is bound to the method, the path, and to
 * the owner of the request, so that no client gets the outcome of another:
 *
 *   nginx's request id                            the credential of the request; without one, its body
 *   a client's key, for a change of an account    the account: a repetition after a new log-in finds the outcome
 *   a client's key, for a change of a session     the token (/logout, /session/data, /sessions)
 *   a client's key, without a session             the body (/login, /register)
 *   either, for a program of a site               the site (/app)
 *
 * A key with another query, type, precondition, form field, name or body is ERR_VALUE. A log-in whose session has ended
 * is done again. Any other answer with a token that is no longer valid is ERR_LOGIN.
 */
#ifndef MAYFLY_APP_ONCE_H
#define MAYFLY_APP_ONCE_H

#include "app/exchange.h"
#include "store/outcome.h"

/*
 * Runs effect in one transaction with the claim and the outcome, then removes the cached copies that are noted in
 * x->forgets. effect fills x->response; it may run several times, and begins anew each time. If the request was done
 * before, x->response is its answer and x->replayed is set. If effect fails, everything is rolled back and no outcome
 * is kept. The same happens when the session of the request has ended before COMMIT (ERR_LOGIN), unless effect sets
 * x->ends_session.
 */
bool once(struct exchange *, bool (*effect)(struct exchange *, void *arg, struct err *), void *arg,
          struct err *) MUST_CHECK;

/* The hash of a body that its outcome does not keep, because it is a document: x->body_elsewhere, x->body_hash. */
enum { ONCE_HASH_BYTES = 2 * 16 + 1 };
void once_hash(const void *body, size_t length, char text[ONCE_HASH_BYTES]);

/* Without an effect: sets x->replayed and the response if this request was done before. */
bool once_find(struct exchange *, struct err *) MUST_CHECK;

/*
 * The keys of a request with a credential while its body is still coming, so without the fingerprint: one by each key
 * of the secret. The first is the key of the outcome.
 */
struct once_keys {
    struct outcome_key keys[SECRET_KEYS_MAX];
    size_t count;
};
bool once_keys(struct exchange *, struct once_keys *, struct err *) MUST_CHECK;

#endif
