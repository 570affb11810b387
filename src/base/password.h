/*
 * Passwords: argon2id by libsodium, costs from the settings (OWASP's minimum is the default: 19 MiB, 2 passes). What is checked
 * and hashed is the password as RFC 8265's OpaqueString (base/precis.h), since keyboards differ in how they compose a character.
 */
#ifndef MAYFLY_BASE_PASSWORD_H
#define MAYFLY_BASE_PASSWORD_H

#include "base/err.h"

#include <stddef.h>

enum {
    PASSWORD_HASH_BYTES = 128, /* crypto_pwhash_STRBYTES, NUL included */
    PASSWORD_MIN_CHARACTERS = 8,
    PASSWORD_MAX_CHARACTERS = 256,
    /* As it comes: of UTF-8, and decomposed (NFD) no character has more than three times its bytes. */
    PASSWORD_MAX_BYTES = PASSWORD_MAX_CHARACTERS * 4 * 3,
};

struct password_cost {
    unsigned long long passes;
    size_t memory_bytes;
};

/* ERR_VALUE for a password that is too short, too long or commonly guessed (name and email count as guesses too). */
bool password_check(const char *password, size_t length, const char *const *guesses, struct err *) MUST_CHECK;

bool password_hash(const struct password_cost *, const char *password, size_t length, char hash[PASSWORD_HASH_BYTES],
                   struct err *) MUST_CHECK;

/*
 * Whether the password fits. hash is NULL for an account that does not exist: a hash of the same cost is then verified
 * all the same, so that an unknown user costs what a known one costs (ASVS 6.3.8). Hashes of before are of passwords as they
 * came: a password whose form is another is therefore verified twice, for whatever account. *stale: that is how it fits, and
 * the hash should be made anew. None that is longer than PASSWORD_MAX_BYTES fits.
 */
bool password_verify(const struct password_cost *, const char *hash, const char *password, size_t length, bool *stale);

/* Whether the hash was made with another cost than this and should be made anew. */
bool password_needs_rehash(const struct password_cost *, const char *hash);

#endif
