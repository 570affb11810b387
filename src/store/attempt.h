/*
 * Attempts at a password, counted in buckets that all workers share: of an account from an address, of an address, and
 * of an account from everywhere. An address is one of IPv4 or a /64 of IPv6. The last bucket does not hold its owner
 * off: it is not asked for an address from which the account has a session.
 *
 * What shows that it belongs to the account, a session or a device that has logged in before, has one bucket of its own
 * instead of these three, so neither strangers nor neighbours hold it off.
 *
 * The same password tried again counts once in a window: a program with an old password locks nobody out.
 *
 * A refused attempt leaves no row. Only what counts makes rows, at most four (while the secret is rotated, by each of its keys):
 * three buckets, and one by which the same password is known again. They end with the window.
 */
#ifndef MAYFLY_STORE_ATTEMPT_H
#define MAYFLY_STORE_ATTEMPT_H

#include "base/address.h"
#include "base/config.h"
#include "base/secret.h"
#include "db/db.h"

enum { ATTEMPT_KEY_BYTES = 32, ATTEMPT_BUCKETS = 3 };

enum attempt_bucket { ATTEMPT_PAIR, ATTEMPT_ADDRESS, ATTEMPT_ACCOUNT };

/*
 * One attempt by somebody; the keys are MACs, so that the table tells no names. A bucket has one by each key of the secret, and each of
 * them counts: the fullest holds off, so a rotation neither forgives nor gives a second count.
 */
struct attempt {
    char address[ADDRESS_KEY_TEXT_BYTES];
    bool from_address; /* nginx says "unix:" of a client on a unix socket */
    bool known;        /* whose account it is */
    struct uuid account;
    size_t secrets; /* keys of the secret */
    unsigned char keys[SECRET_KEYS_MAX][ATTEMPT_BUCKETS][ATTEMPT_KEY_BYTES];
    size_t first, end; /* those from first up to end count */
    bool has_password;
    unsigned char again[SECRET_KEYS_MAX]
                       [ATTEMPT_KEY_BYTES]; /* with has_password: the same as long as nothing differs */
    bool repeated;                          /* once taken: it was counted before, so nothing was */
};

/*
 * Of an account, however its name was spelt; of a name that nobody has, by its key (account_by_login); of a device or session
 * that belongs to the account; of an address alone, such as a registration.
 */
void attempt_by_account(struct attempt *, const struct secret *, const struct uuid *account, const char *address);
void attempt_by_name(struct attempt *, const struct secret *, const char *key, const char *address);
void attempt_by_device(struct attempt *, const struct secret *, const struct uuid *account, const struct uuid *device);
void attempt_by_address(struct attempt *, const struct secret *, const char *address);

/*
 * What is tried, so that the same again is known. 16 bits of its MAC are kept: a new guess is taken for an old one once in 65,536
 * times, and whoever has the table and the secret too can't tell which password it was.
 */
void attempt_password(struct attempt *, const struct secret *, const char *password);

/*
 * Takes the attempt in advance, so that parallel guesses can't pass the limit. ERR_LIMIT with retry_after_s when a bucket
 * is full.
 */
bool attempt_take(struct db *, struct arena *, const struct config *, struct attempt *, struct err *) MUST_CHECK;

/* The password was right: forgets the pair's failures and gives the attempt back to the others. */
bool attempt_clear(struct db *, struct arena *, const struct attempt *, struct err *) MUST_CHECK;

#endif
