/*
 * Counts the attempts to verify a password, in buckets that all workers share: one for an account and an address, one
 * for an address, one for an account. An address is an IPv4 address or a /64 of IPv6. The last bucket does not apply to
 * an address from which the account has a session, so its owner is not locked out.
 *
 * An attempt with a device cookie or a session of the account has one bucket of its own instead of these three.
 * Attempts of strangers and neighbours do not count in it.
 *
 * The same wrong password counts once in a window. A program with an old password therefore locks nobody out.
 *
 * A refused attempt makes no row. An attempt that counts makes at most four rows for each key of the secret (there is
 * more than one while the secret is rotated): three buckets, and one by which the same password is recognised. They
 * expire with the window.
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
 * One attempt. The keys of its buckets are MACs, so the table contains no names. A bucket has a key by each key of the
 * secret, each of them counts, and the fullest decides: a rotation of the secret neither forgets attempts nor allows
 * them twice.
 */
struct attempt {
    char address[ADDRESS_KEY_TEXT_BYTES];
    bool from_address; /* nginx gives "unix:" for a client on a unix socket */
    bool known;        /* the account exists */
    struct uuid account;
    size_t secrets; /* keys of the secret */
    unsigned char keys[SECRET_KEYS_MAX][ATTEMPT_BUCKETS][ATTEMPT_KEY_BYTES];
    size_t first, end; /* the buckets from first to before end apply */
    bool has_password;
    unsigned char again[SECRET_KEYS_MAX]
                       [ATTEMPT_KEY_BYTES]; /* with has_password: equal for the same attempt with the same password */
    bool repeated;                          /* set by attempt_take: it was counted before and does not count again */
};

/*
 * Sets the buckets: of an account, whatever spelling of its name was given; of a name without an account, by its key
 * (account_by_login); of a device or session of the account; of an address alone, for a registration.
 */
void attempt_by_account(struct attempt *, const struct secret *, const struct uuid *account, const char *address);
void attempt_by_name(struct attempt *, const struct secret *, const char *key, const char *address);
void attempt_by_device(struct attempt *, const struct secret *, const struct uuid *account, const struct uuid *device);
void attempt_by_address(struct attempt *, const struct secret *, const char *address);

/*
 * Sets the password that is tried, so that the same one is recognised. Only 16 bits of its MAC are kept: one new guess
 * in 65,536 is taken for an old one, and a thief of the table and the secret can't tell which password it was.
 */
void attempt_password(struct attempt *, const struct secret *, const char *password);

/*
 * Counts the attempt before the password is verified, so that parallel guesses can't exceed the limit. ERR_LIMIT, with
 * retry_after_s: a bucket is full.
 */
bool attempt_take(struct db *, struct arena *, const struct config *, struct attempt *, struct err *) MUST_CHECK;

/*
 * The password was right: deletes the count of the account and address, and takes the attempt back from the other
 * buckets.
 */
bool attempt_clear(struct db *, struct arena *, const struct attempt *, struct err *) MUST_CHECK;

#endif
