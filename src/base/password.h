/*
 * Passwords: argon2id by libsodium, with costs from the settings (the default is OWASP's minimum: 19 MiB, 2 passes).
 * The password is checked and hashed as RFC 8265's OpaqueString (base/precis.h), since keyboards differ in how they
 * compose a character.
 */
#ifndef MAYFLY_BASE_PASSWORD_H
#define MAYFLY_BASE_PASSWORD_H

#include "base/err.h"

#include <stddef.h>

enum {
    PASSWORD_HASH_BYTES = 128, /* crypto_pwhash_STRBYTES, NUL included */
    PASSWORD_MIN_CHARACTERS = 8,
    PASSWORD_MAX_CHARACTERS = 256,
    /* Before it is prepared: UTF-8, in which a decomposed character (NFD) has at most three times its bytes. */
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
 * Whether the password matches. hash is NULL for an account that does not exist: a hash of the same cost is verified
 * anyway, so that an unknown user costs as much time as a known one (ASVS 6.3.8). Older hashes are of passwords that
 * were not prepared. A password whose prepared form differs is therefore verified twice, for any account. *stale: it
 * matched unprepared, so the hash should be made again. A password longer than PASSWORD_MAX_BYTES never matches.
 */
bool password_verify(const struct password_cost *, const char *hash, const char *password, size_t length, bool *stale);

/* Whether the hash was made with another cost than this and should be made again. */
bool password_needs_rehash(const struct password_cost *, const char *hash);

#endif
