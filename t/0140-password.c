/* Passwords: which are taken, that a hash fits one password only, and that an unknown user costs what a known one does. */
#include "base/clock.h"
#include "base/password.h"

#include "unit.h"

#include <sodium.h>
#include <time.h>

/* The least that libsodium takes, where the cost is not what is tested. */
static const struct password_cost cheap = {.passes = 1, .memory_bytes = 8192};

static bool check(struct unit *unit, const char *password, const char *const *guesses)
{
    return password_check(password, strlen(password), guesses, &unit->err);
}

static bool verify(const struct password_cost *cost, const char *hash, const char *password, size_t length)
{
    bool stale = true, fits = password_verify(cost, hash, password, length, &stale);

    assert_false(stale);
    return fits;
}

/* The character count times; the spice keeps the estimate from calling it common. */
static const char *repeated(struct unit *unit, const char *spice, const char *character, size_t count)
{
    char *text = arena_zalloc(&unit->arena, strlen(spice) + strlen(character) * count + 1);

    assert_non_null(text);
    strcat(text, spice);
    for (size_t i = 0; i < count; i++)
        strcat(text, character);
    return text;
}

static void good_passwords_are_taken(void **state)
{
    static const char *const good[] = {
        "correct horse battery staple",
        "vT9#kq2L",
        "plover gantry umbrella",
        "\xD0\xB6\xD1\x89\xD1\x8B\xD1\x84\xD1\x8A\xD1\x8D\xD1\x8E\xD1\x8F", /* eight Cyrillic letters */
        "  leading and trailing  ",
        "tab\tand\nline break",
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(good); i++)
        assert_granted(check(unit, good[i], NULL), &unit->err);
}

static void eight_characters_are_the_least_whatever_their_bytes(void **state)
{
    static const char *const small[] = {
        "",
        "vT9#kq2",
        "\xD0\xB6\xD1\x89\xD1\x8B\xD1\x84\xD1\x8A\xD1\x8D\xD1\x8E", /* 14 bytes */
        "\xF0\x9F\x98\x80\xF0\x9F\x98\x81\xF0\x9F\x98\x82\xF0\x9F\x98\x83\xF0\x9F\x98\x84\xF0\x9F\x98\x85",
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(small); i++) {
        assert_false(check(unit, small[i], NULL));
        assert_string_equal(unit->err.field, "password");
        assert_refused(check(unit, small[i], NULL), &unit->err, ERR_VALUE, "at least 8 characters");
    }
}

static void at_most_256_characters_are_taken_whatever_their_bytes(void **state)
{
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(characters); i++) {
        const char *longest = repeated(unit, "vT9#", characters[i], 252);
        const char *longer = repeated(unit, "vT9#", characters[i], 253);

        assert_true(strlen(longest) <= PASSWORD_MAX_BYTES);
        assert_granted(check(unit, longest, NULL), &unit->err);
        assert_refused(check(unit, longer, NULL), &unit->err, ERR_VALUE, "at most 256 characters");
    }
}

static void common_passwords_are_refused(void **state)
{
    static const char *const common[] = {
        "password", "12345678",  "1234567890", "qwertyuiop", "iloveyou", "Password1", "p@ssw0rd", "letmein1",
        "sunshine", "football1", "aaaaaaaa",   "abcdefgh",   "trustno1", "abcabcabc", "11111111", "password123",
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(common); i++) {
        if (check(unit, common[i], NULL))
            fail_msg("%s was taken", common[i]);
        assert_string_equal(unit->err.field, "password");
        assert_refused(check(unit, common[i], NULL), &unit->err, ERR_VALUE, "too common");
    }
}

static void what_the_account_tells_is_no_password(void **state)
{
    static const char *const guesses[] = {"Marguerite-Yourcenar", "m.yourcenar@example.org", NULL};
    struct unit *unit = *state;

    assert_refused(check(unit, "Marguerite-Yourcenar", guesses), &unit->err, ERR_VALUE, "too common");
    assert_refused(check(unit, "MARGUERITE-yourcenar", guesses), &unit->err, ERR_VALUE, "too common");
    assert_refused(check(unit, "M.Yourcenar@example.org", guesses), &unit->err, ERR_VALUE, "too common");
    assert_granted(check(unit, "Marguerite-Yourcenar", NULL), &unit->err);
    assert_granted(check(unit, "Marguerite-Yourcenar wrote Hadrian", guesses), &unit->err);
}

static void a_nul_in_a_password_is_refused(void **state)
{
    struct unit *unit = *state;

    assert_refused(password_check("vT9#\0kq2LmZ", 11, NULL, &unit->err), &unit->err, ERR_VALUE, "NUL");
}

static void a_hash_names_its_cost_and_is_never_the_same(void **state)
{
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES], other[PASSWORD_HASH_BYTES];

    assert_granted(password_hash(&cheap, "vT9#kq2L", 8, hash, &unit->err), &unit->err);
    assert_granted(password_hash(&cheap, "vT9#kq2L", 8, other, &unit->err), &unit->err);
    assert_memory_equal(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27);
    assert_string_not_equal(hash, other);
}

static void a_hash_fits_its_password_and_no_other(void **state)
{
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES];
    const char *longest = repeated(unit, "", "\xF0\x9F\x98\x80", PASSWORD_MAX_CHARACTERS);

    assert_granted(password_hash(&cheap, "vT9#kq2L", 8, hash, &unit->err), &unit->err);
    assert_true(verify(&cheap, hash, "vT9#kq2L", 8));
    assert_false(verify(&cheap, hash, "vt9#kq2L", 8));
    assert_false(verify(&cheap, hash, "vT9#kq2", 7));
    assert_false(verify(&cheap, hash, "vT9#kq2L ", 9));
    assert_false(verify(&cheap, hash, "", 0));
    assert_granted(password_hash(&cheap, longest, strlen(longest), hash, &unit->err), &unit->err);
    assert_true(verify(&cheap, hash, longest, strlen(longest)));
    assert_false(verify(&cheap, hash, longest, strlen(longest) - 4));
}

static void a_hash_fits_whatever_the_cost_is_today(void **state)
{
    static const struct password_cost dearer = {.passes = 2, .memory_bytes = 16384};
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES];

    assert_granted(password_hash(&cheap, "vT9#kq2L", 8, hash, &unit->err), &unit->err);
    assert_true(verify(&dearer, hash, "vT9#kq2L", 8));
    assert_false(verify(&dearer, hash, "vT9#kq2M", 8));
}

static void what_is_no_hash_fits_nothing(void **state)
{
    static const char *const broken[] = {
        "",
        "vT9#kq2L",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$bWF5Zmx5bWF5Zmx5bWF5Zg$",
        "$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        assert_false(verify(&cheap, broken[i], "vT9#kq2L", 8));
        assert_true(password_needs_rehash(&cheap, broken[i]));
    }
}

static void a_hash_of_another_cost_is_made_anew(void **state)
{
    static const struct password_cost others[] = {
        {.passes = 2, .memory_bytes = 8192},
        {.passes = 1, .memory_bytes = 16384},
    };
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES];

    assert_granted(password_hash(&cheap, "vT9#kq2L", 8, hash, &unit->err), &unit->err);
    assert_false(password_needs_rehash(&cheap, hash));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_true(password_needs_rehash(&others[i], hash));
}

static void a_cost_beyond_the_machine_is_an_outage(void **state)
{
    static const struct password_cost absurd = {.passes = 1, .memory_bytes = SIZE_MAX / 2};
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES];

    assert_refused(password_hash(&absurd, "vT9#kq2L", 8, hash, &unit->err), &unit->err, ERR_DOWN, "no memory to hash");
}

static void an_unknown_user_has_no_password(void **state)
{
    static const char *const passwords[] = {"", "vT9#kq2L", "mayfly", "mayflymayflymayf"};

    (void)state;
    for (size_t i = 0; i < COUNT(passwords); i++)
        assert_false(verify(&cheap, NULL, passwords[i], strlen(passwords[i])));
}

/* Of computing, which other programs on the machine take no part in. */
static int64_t cpu_us(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int64_t fastest_verify_us(const struct password_cost *cost, const char *hash, const char *password)
{
    int64_t fastest = INT64_MAX;
    bool stale;

    for (int i = 0; i < 9; i++) {
        int64_t start = cpu_us(), took;

        assert_false(password_verify(cost, hash, password, strlen(password), &stale));
        took = cpu_us() - start;
        fastest = took < fastest ? took : fastest;
    }
    return fastest;
}

/* The ratio is generous, for other work on the machine: without the decoy it would be thousands. */
static void an_unknown_user_costs_what_a_known_one_costs(void **state)
{
    static const struct password_cost costs[] = {
        {.passes = 2, .memory_bytes = 19456 * 1024},
        {.passes = 3, .memory_bytes = 12288 * 1024},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(costs); i++) {
        char hash[PASSWORD_HASH_BYTES];
        int64_t known, unknown;

        assert_granted(password_hash(&costs[i], "vT9#kq2L", 8, hash, &unit->err), &unit->err);
        known = fastest_verify_us(&costs[i], hash, "not the one");
        unknown = fastest_verify_us(&costs[i], NULL, "not the one");
        if (known > 3 * unknown || unknown > 3 * known)
            fail_msg("known: %lld us, unknown: %lld us", (long long)known, (long long)unknown);
    }
}

#define COMPOSED                                                                                                       \
    "Gr\xC3\xBC\xC3\x9F"                                                                                               \
    "e aus K\xC3\xB6ln"
#define DECOMPOSED                                                                                                     \
    "Gru\xCC\x88\xC3\x9F"                                                                                              \
    "e aus Ko\xCC\x88ln"

/* RFC 8265, section 4.2: an accent is one however a keyboard composes it, and so is a space. Nothing else is changed. */
static void a_password_is_one_however_it_is_composed(void **state)
{
    static const char *const same[][2] = {
        {COMPOSED, DECOMPOSED},
        {"\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4 abc", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xAE\xE1"
                                                     "\x86\xA8\xE1\x84\x8B\xE1\x85\xA5 abc"}, /* Hangul */
        {"quiet green lamp", "quiet\xC2\xA0green\xE3\x80\x80lamp"},
    };
    static const char *const other[][2] = {
        {"Gr\xC3\xBC\xC3\x9F"
         "e123",
         "gr\xC3\xBC\xC3\x9F"
         "e123"},
        {"\xEF\xBD\x81"
         "bcdefgh1",
         "abcdefgh1"}, /* full width */
        {"\xEF\xAC\x81"
         "bcdefgh1",
         "fibcdefgh1"}, /* a ligature */
        {"quiet green lamp", "quiet green lamp "},
    };
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES];

    for (size_t i = 0; i < COUNT(same); i++)
        for (int a = 0; a < 2; a++) {
            assert_granted(password_hash(&cheap, same[i][a], strlen(same[i][a]), hash, &unit->err), &unit->err);
            for (int b = 0; b < 2; b++)
                if (!verify(&cheap, hash, same[i][b], strlen(same[i][b])))
                    fail_msg("%zu: %d %d", i, a, b);
        }
    for (size_t i = 0; i < COUNT(other); i++) {
        assert_granted(password_hash(&cheap, other[i][0], strlen(other[i][0]), hash, &unit->err), &unit->err);
        assert_false(verify(&cheap, hash, other[i][1], strlen(other[i][1])));
    }
}

/* libsodium's own function stands for the release before. */
static void a_hash_of_bytes_as_they_came_goes_on_fitting_them(void **state)
{
    char hash[PASSWORD_HASH_BYTES];
    bool stale = false;

    (void)state;
    assert_int_equal(crypto_pwhash_str_alg(hash, DECOMPOSED, strlen(DECOMPOSED), 1, 8192, crypto_pwhash_ALG_ARGON2ID13),
                     0);
    assert_true(password_verify(&cheap, hash, DECOMPOSED, strlen(DECOMPOSED), &stale));
    assert_true(stale);
    assert_false(password_verify(&cheap, hash, COMPOSED, strlen(COMPOSED), &stale));
    assert_false(stale);
    assert_false(password_verify(&cheap, hash, DECOMPOSED "x", strlen(DECOMPOSED "x"), &stale));
    assert_false(stale);
    assert_false(password_verify(&cheap, NULL, DECOMPOSED, strlen(DECOMPOSED), &stale));
    assert_false(stale);
}

static void characters_of_a_password_are_counted_composed(void **state)
{
    struct unit *unit = *state;
    const char *longest = repeated(unit, "vT9#", "u\xCC\x88", 252), *longer = repeated(unit, "vT9#", "u\xCC\x88", 253);

    assert_granted(check(unit, longest, NULL), &unit->err);
    assert_refused(check(unit, longer, NULL), &unit->err, ERR_VALUE, "at most 256 characters");
    assert_refused(check(unit, "vT9#u\xCC\x88u\xCC\x88u\xCC\x88", NULL), &unit->err, ERR_VALUE,
                   "at least 8 characters");
    longest =
        repeated(unit, "", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 256); /* the most bytes that 256 characters have */
    assert_true(strlen(longest) <= PASSWORD_MAX_BYTES);
    assert_granted(check(unit, longest, NULL), &unit->err);
}

/* Twice for a text that has another form, whatever the account: as many hashes as an account of before costs. */
static void an_unknown_user_costs_the_same_in_another_form(void **state)
{
    static const struct password_cost cost = {.passes = 2, .memory_bytes = 4 * 1024 * 1024};
    struct unit *unit = *state;
    char hash[PASSWORD_HASH_BYTES];
    int64_t plain, known, unknown;

    assert_granted(password_hash(&cost, "vT9#kq2L", 8, hash, &unit->err), &unit->err);
    plain = fastest_verify_us(&cost, hash, COMPOSED);
    known = fastest_verify_us(&cost, hash, DECOMPOSED);
    unknown = fastest_verify_us(&cost, NULL, DECOMPOSED);
    if (known * 2 > unknown * 3 || unknown * 2 > known * 3 || known > 4 * plain)
        fail_msg("plain: %lld us, known: %lld us, unknown: %lld us", (long long)plain, (long long)known,
                 (long long)unknown);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(good_passwords_are_taken),
        PROMISE(eight_characters_are_the_least_whatever_their_bytes),
        PROMISE(at_most_256_characters_are_taken_whatever_their_bytes),
        PROMISE(common_passwords_are_refused),
        PROMISE(what_the_account_tells_is_no_password),
        PROMISE(a_nul_in_a_password_is_refused),
        PROMISE(a_hash_names_its_cost_and_is_never_the_same),
        PROMISE(a_hash_fits_its_password_and_no_other),
        PROMISE(a_hash_fits_whatever_the_cost_is_today),
        PROMISE(what_is_no_hash_fits_nothing),
        PROMISE(a_hash_of_another_cost_is_made_anew),
        PROMISE(a_cost_beyond_the_machine_is_an_outage),
        PROMISE(an_unknown_user_has_no_password),
        PROMISE(an_unknown_user_costs_what_a_known_one_costs),
        PROMISE(a_password_is_one_however_it_is_composed),
        PROMISE(a_hash_of_bytes_as_they_came_goes_on_fitting_them),
        PROMISE(characters_of_a_password_are_counted_composed),
        PROMISE(an_unknown_user_costs_the_same_in_another_form),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
