/* Passwords: argon2id by libsodium, costs from the settings (OWASP's minimum is the default: 19 MiB, 2 passes). */
#ifndef MAYFLY_BASE_PASSWORD_H
#define MAYFLY_BASE_PASSWORD_H

#include "base/err.h"

#include <stddef.h>

enum {
    PASSWORD_HASH_BYTES = 128, /* crypto_pwhash_STRBYTES, NUL included */
    PASSWORD_MIN_CHARACTERS = 8,
    PASSWORD_MAX_BYTES = 256 * 4, /* 256 characters of UTF-8 */
    PASSWORD_MAX_CHARACTERS = 256,
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
 * all the same, so that an unknown user costs what a known one costs (ASVS 6.3.8).
 */
bool password_verify(const struct password_cost *, const char *hash, const char *password, size_t length);

/* Whether the hash was made with another cost than this and should be made anew. */
bool password_needs_rehash(const struct password_cost *, const char *hash);

#endif
