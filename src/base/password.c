#include "base/password.h"

#include "base/bytes.h"
#include "base/precis.h"
#include "base/utf8.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zxcvbn.h>

/* zxcvbn's estimate in log2 of guesses: below it a password falls to an online guesser within the login limits. */
static const double COMMON_BELOW_BITS = 20.0;

/* zxcvbn's time grows with the square of the length, and a password of this length is not a common one. */
enum { ESTIMATE_MAX_BYTES = 64 };

/* A password as it is hashed; to be wiped. A text that has no prepared form is taken unchanged. */
struct prepared {
    char text[PASSWORD_MAX_BYTES + 1];
    size_t length;
    bool other; /* than what came */
};

static void prepare(struct prepared *prepared, const char *password, size_t length)
{
    if (length > PASSWORD_MAX_BYTES)
        length = PASSWORD_MAX_BYTES;
    prepared->length = precis_password(password, length, prepared->text, PASSWORD_MAX_BYTES);
    prepared->other =
        prepared->length > 0 && (prepared->length != length || memcmp(prepared->text, password, length) != 0);
    if (prepared->length == 0) {
        memcpy(prepared->text, password, length);
        prepared->length = length;
    }
    prepared->text[prepared->length] = '\0';
}

static bool is_guess(const char *password, size_t length, const char *const *guesses)
{
    for (; guesses != NULL && *guesses != NULL; guesses++)
        if (strlen(*guesses) == length && strncasecmp(*guesses, password, length) == 0)
            return true;
    return false;
}

static bool check(const char *password, size_t length, const char *const *guesses, struct err *err)
{
    size_t characters = utf8_count(password, length);

    if (characters < PASSWORD_MIN_CHARACTERS)
        return err_field(err, ERR_VALUE, "password", "the password needs at least %d characters",
                         PASSWORD_MIN_CHARACTERS);
    if (characters > PASSWORD_MAX_CHARACTERS)
        return err_field(err, ERR_VALUE, "password", "the password may have at most %d characters",
                         PASSWORD_MAX_CHARACTERS);
    if (memchr(password, '\0', length) != NULL)
        return err_field(err, ERR_VALUE, "password", "the password may not hold a NUL character");
    if (is_guess(password, length, guesses) ||
        (length <= ESTIMATE_MAX_BYTES && ZxcvbnMatch(password, NULL, NULL) < COMMON_BELOW_BITS))
        return err_field(err, ERR_VALUE, "password", "the password is too common; choose one that is harder to guess");
    return true;
}

bool password_check(const char *password, size_t length, const char *const *guesses, struct err *err)
{
    struct prepared prepared;
    bool good;

    if (length > PASSWORD_MAX_BYTES)
        return check(password, length, guesses, err);
    prepare(&prepared, password, length);
    good = check(prepared.text, prepared.length, guesses, err);
    bytes_wipe(&prepared, sizeof prepared);
    return good;
}

bool password_hash(const struct password_cost *cost, const char *password, size_t length,
                   char hash[PASSWORD_HASH_BYTES], struct err *err)
{
    struct prepared prepared;
    bool hashed;

    _Static_assert(PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "a hash fits");
    prepare(&prepared, password, length);
    hashed = crypto_pwhash_str_alg(hash, prepared.text, prepared.length, cost->passes, cost->memory_bytes,
                                   crypto_pwhash_ALG_ARGON2ID13) == 0;
    bytes_wipe(&prepared, sizeof prepared);
    return hashed || err_set(err, ERR_DOWN, "no memory to hash a password (%zu bytes)", cost->memory_bytes);
}

/* A hash of the current cost that no password matches: salt and tag are constants, only the parameters matter. */
static void decoy_hash(const struct password_cost *cost, char hash[PASSWORD_HASH_BYTES])
{
    snprintf(hash, PASSWORD_HASH_BYTES, "$argon2id$v=19$m=%zu,t=%llu,p=1$%s$%s", cost->memory_bytes / 1024,
             cost->passes, "bWF5Zmx5bWF5Zmx5bWF5Zg", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

bool password_verify(const struct password_cost *cost, const char *hash, const char *password, size_t length,
                     bool *stale)
{
    char decoy[PASSWORD_HASH_BYTES] = "";
    bool known = hash != NULL, long_one = length > PASSWORD_MAX_BYTES, fits, fits_as_it_came = false;
    struct prepared prepared;

    if (!known)
        decoy_hash(cost, decoy);
    prepare(&prepared, password, length);
    fits = crypto_pwhash_str_verify(known ? hash : decoy, prepared.text, prepared.length) == 0;
    /* Whatever the result of the first verification was, so that the time depends on the text alone. */
    if (prepared.other)
        fits_as_it_came =
            crypto_pwhash_str_verify(known ? hash : decoy, password, long_one ? PASSWORD_MAX_BYTES : length) == 0;
    bytes_wipe(&prepared, sizeof prepared);
    *stale = known && !fits && fits_as_it_came;
    return known && !long_one && (fits || fits_as_it_came);
}

bool password_needs_rehash(const struct password_cost *cost, const char *hash)
{
    return crypto_pwhash_str_needs_rehash(hash, cost->passes, cost->memory_bytes) != 0;
}
