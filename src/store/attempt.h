/*
 * Log-in attempts, counted in buckets that all workers share: of an account from an address, of an address, and of an
 * account from everywhere. The last does not hold its owner off: it is not asked for an address from which the account
 * has a session.
 */
#ifndef MAYFLY_STORE_ATTEMPT_H
#define MAYFLY_STORE_ATTEMPT_H

#include "base/config.h"
#include "base/secret.h"
#include "store/db.h"

enum { ATTEMPT_KEY_BYTES = 32, ATTEMPT_BUCKETS = 3 };

enum attempt_bucket { ATTEMPT_PAIR, ATTEMPT_ADDRESS, ATTEMPT_ACCOUNT };

/* One attempt by somebody; the keys are MACs, so that the table tells no names. */
struct attempt {
    unsigned char keys[ATTEMPT_BUCKETS][ATTEMPT_KEY_BYTES];
    size_t first, end; /* those from first up to end count */
};

/* login NULL: an attempt of an address alone, such as a registration. */
void attempt_init(struct attempt *, const struct secret *, const char *login, const char *address);

/*
 * Takes the attempt in advance, so that parallel guesses can't pass the limit. ERR_LIMIT with retry_after_s when a bucket
 * is full.
 */
bool attempt_take(struct db *, struct arena *, const struct config *, struct attempt *, const char *login,
                  const char *address, struct err *) MUST_CHECK;

/* The password was right: forgets the pair's failures and gives the attempt back to the others. */
bool attempt_clear(struct db *, struct arena *, const struct attempt *, struct err *) MUST_CHECK;

#endif
