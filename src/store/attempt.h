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
    const char *address; /* borrowed */
    bool known;          /* whose account it is */
    struct uuid account;
    unsigned char keys[ATTEMPT_BUCKETS][ATTEMPT_KEY_BYTES];
    size_t first, end; /* those from first up to end count */
};

/*
 * Of an account, however its name was spelt; of a name that nobody has, by its key (account_by_login); of an address alone,
 * such as a registration. The address is borrowed until the attempt is taken.
 */
void attempt_by_account(struct attempt *, const struct secret *, const struct uuid *account, const char *address);
void attempt_by_name(struct attempt *, const struct secret *, const char *key, const char *address);
void attempt_by_address(struct attempt *, const struct secret *, const char *address);

/*
 * Takes the attempt in advance, so that parallel guesses can't pass the limit. ERR_LIMIT with retry_after_s when a bucket
 * is full.
 */
bool attempt_take(struct db *, struct arena *, const struct config *, struct attempt *, struct err *) MUST_CHECK;

/* The password was right: forgets the pair's failures and gives the attempt back to the others. */
bool attempt_clear(struct db *, struct arena *, const struct attempt *, struct err *) MUST_CHECK;

#endif
