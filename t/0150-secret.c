/* The installation's secret: which files are taken, that rotation breaks nothing, that no use stands in for another. */
#include "base/clock.h"
#include "base/secret.h"

#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define KEY_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

enum { SEAL_OVERHEAD_BYTES = 24 + 16 };

static bool load(struct unit *unit, const char *text, struct secret *secret)
{
    return secret_load(secret, unit_file(text, strlen(text)), &unit->err);
}

static struct secret loaded(struct unit *unit, const char *text)
{
    struct secret secret;

    assert_granted(load(unit, text, &secret), &unit->err);
    return secret;
}

static void keys_are_read_in_their_order(void **state)
{
    static const unsigned char b[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                      0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
    struct secret secret = loaded(*state, "# newest first\n\n" KEY_B "\n" KEY_A " # 2025\r\n" KEY_C);

    assert_int_equal(secret.count, 3);
    assert_memory_equal(secret.keys[0], b, 16);
    assert_memory_equal(secret.keys[0] + 16, b, 16);
    assert_int_equal(secret.keys[1][31], 0xAA);
    assert_int_equal(secret.keys[2][0], 0xCC);
}

static void a_wrong_file_is_refused_with_the_line_and_the_cure(void **state)
{
    static const char *const cases[][2] = {
        {"", ": holds no key; make one with `openssl rand -hex 32`"},
        {"\n# nothing\n\n", ": holds no key"},
        {"abc\n", ":1: not 64 hexadecimal digits; make a key with `openssl rand -hex 32`"},
        {KEY_A "\n" KEY_B "00\n", ":2: not 64 hexadecimal digits"},
        {KEY_A "\n\nxx112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
         ":3: not 64 hexadecimal digits"},
        {"0" KEY_A "\n", ":1: not 64 hexadecimal digits"},
        {KEY_A KEY_A "\n", ":1: not 64 hexadecimal digits"},
        {KEY_A KEY_A KEY_A KEY_A "\n", ":1: not 64 hexadecimal digits"},
        {"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff\n",
         ":1: not 64 hexadecimal digits"},
        {KEY_A "\n" KEY_B "\n" KEY_C "\n" KEY_A "\n" KEY_B "\n", ":5: more than 4 keys; remove the oldest"},
    };
    struct unit *unit = *state;
    struct secret secret;

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(load(unit, cases[i][0], &secret), &unit->err, ERR_INPUT, cases[i][1]);
    assert_refused(secret_load(&secret, "/nowhere/secret", &unit->err), &unit->err, ERR_INPUT,
                   "/nowhere/secret: No such file or directory; make it with `openssl rand -hex 32`");
    assert_refused(secret_load(&secret, "/", &unit->err), &unit->err, ERR_INPUT, "/: can't be read");
}

/* Who is told to make one would replace the installation's. */
static void a_file_that_may_not_be_read_is_not_to_be_made_anew(void **state)
{
    struct unit *unit = *state;
    struct secret secret;
    const char *path = unit_file(KEY_A, strlen(KEY_A));

    if (geteuid() == 0)
        skip();
    assert_int_equal(chmod(path, 0), 0);
    assert_false(secret_load(&secret, path, &unit->err));
    assert_null(strstr(unit->err.detail, "openssl"));
    assert_refused(false, &unit->err, ERR_INPUT,
                   ": Permission denied; let the workers' user, and nobody else, read it (chown, chmod)");
    assert_int_equal(chmod(path, 0600), 0);
}

static void an_indented_key_counts_like_any_other(void **state)
{
    struct secret secret = loaded(*state, "  " KEY_B "\n\t" KEY_A "\n   # indented\n");

    assert_int_equal(secret.count, 2);
    assert_int_equal(secret.keys[0][1], 0x11);
}

static void a_refusal_never_shows_the_key(void **state)
{
    struct unit *unit = *state;
    struct secret secret;

    assert_false(load(unit, "feedfacefeedface\n", &secret));
    assert_null(strstr(unit->err.detail, "feedface"));
}

static void a_mac_depends_on_key_purpose_and_message(void **state)
{
    struct secret secret = loaded(*state, KEY_A "\n" KEY_B "\n");
    static const struct {
        size_t key;
        const char *purpose, *message;
    } cases[] = {
        {0, "form", "m"}, {1, "form", "m"}, {0, "seal", "m"}, {0, "form", "n"}, {0, "form", ""},
        {0, "for", "mm"}, {0, "formm", ""}, {0, "", "form"},  {0, "", ""},
    };
    unsigned char macs[COUNT(cases)][SECRET_MAC_BYTES], again[SECRET_MAC_BYTES];

    for (size_t i = 0; i < COUNT(cases); i++) {
        secret_mac(&secret, cases[i].key, cases[i].purpose, cases[i].message, strlen(cases[i].message), macs[i]);
        secret_mac(&secret, cases[i].key, cases[i].purpose, cases[i].message, strlen(cases[i].message), again);
        assert_memory_equal(macs[i], again, SECRET_MAC_BYTES);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(macs[i], macs[k], SECRET_MAC_BYTES);
    }
}

static void a_key_has_a_name_that_does_not_show_it(void **state)
{
    struct secret secret = loaded(*state, KEY_A "\n" KEY_B "\n"), other = loaded(*state, KEY_B "\n");
    char a[SECRET_NAME_BYTES], b[SECRET_NAME_BYTES], again[SECRET_NAME_BYTES];

    secret_name(&secret, 0, a);
    secret_name(&secret, 1, b);
    secret_name(&other, 0, again);
    assert_int_equal(strlen(a), SECRET_NAME_BYTES - 1);
    assert_string_not_equal(a, b);
    assert_string_equal(b, again);
    assert_null(strstr(KEY_A, a));
}

static void a_tag_depends_on_the_derived_key_and_on_all_parts(void **state)
{
    struct secret secret = loaded(*state, KEY_A "\n");
    const struct secret_part parts[] = {{"one", 4}, {"two", 3}}, shorter[] = {{"one", 4}, {"tw", 2}};
    unsigned char keys[2][SECRET_KEY_BYTES], tags[4][SECRET_TAG_BYTES];

    secret_derive(&secret, 0, "cache", keys[0]);
    secret_derive(&secret, 0, "other", keys[1]);
    secret_tag(keys[0], parts, 2, tags[0]);
    secret_tag(keys[1], parts, 2, tags[1]);
    secret_tag(keys[0], shorter, 2, tags[2]);
    secret_tag(keys[0], parts, 1, tags[3]);
    for (size_t i = 0; i < COUNT(tags); i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(tags[i], tags[k], SECRET_TAG_BYTES);
}

struct sealed {
    unsigned char *bytes;
    size_t length;
};

static struct sealed seal(struct unit *unit, const struct secret *secret, const char *context, const char *text,
                          size_t length)
{
    struct sealed sealed;

    assert_granted(secret_seal(secret, &unit->arena, context, strlen(context), text, length, &sealed.bytes,
                               &sealed.length, &unit->err),
                   &unit->err);
    return sealed;
}

static bool opens(struct unit *unit, const struct secret *secret, const char *context, struct sealed sealed,
                  char **text, size_t *length)
{
    unsigned char *exact = unit_exact(sealed.bytes, sealed.length);
    bool ok;

    err_clear(&unit->err);
    ok = secret_open(secret, &unit->arena, context, strlen(context), exact, sealed.length, text, length, &unit->err);
    assert_int_equal(ok, unit->err.kind == ERR_NONE);
    assert_int_equal(ok, *text != NULL);
    free(exact);
    return ok;
}

static void what_was_sealed_opens_and_ends_with_a_nul(void **state)
{
    struct unit *unit = *state;
    struct secret secret = loaded(unit, KEY_A "\n");
    char *text;
    size_t length;

    assert_true(opens(unit, &secret, "c", seal(unit, &secret, "c", "outcome", 7), &text, &length));
    assert_string_equal(text, "outcome");
    assert_int_equal(length, 7);
    assert_true(opens(unit, &secret, "c", seal(unit, &secret, "c", "a\0b", 3), &text, &length));
    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_true(opens(unit, &secret, "", seal(unit, &secret, "", "", 0), &text, &length));
    assert_int_equal(length, 0);
    assert_string_equal(text, "");
}

static void the_same_text_is_never_sealed_the_same(void **state)
{
    struct unit *unit = *state;
    struct secret secret = loaded(unit, KEY_A "\n");
    struct sealed one = seal(unit, &secret, "c", "outcome", 7), other = seal(unit, &secret, "c", "outcome", 7);

    assert_int_equal(one.length, 7 + SEAL_OVERHEAD_BYTES);
    assert_int_equal(one.length, other.length);
    assert_memory_not_equal(one.bytes, other.bytes, 24);
    assert_memory_not_equal(one.bytes + 24, other.bytes + 24, 7);
}

static void what_the_old_key_sealed_opens_after_a_rotation(void **state)
{
    struct unit *unit = *state;
    struct secret old = loaded(unit, KEY_A "\n"), both = loaded(unit, KEY_B "\n" KEY_A "\n"),
                  new = loaded(unit, KEY_B "\n");
    struct sealed before = seal(unit, &old, "c", "before", 6), after = seal(unit, &both, "c", "after", 5);
    char *text;
    size_t length;

    assert_true(opens(unit, &both, "c", before, &text, &length));
    assert_string_equal(text, "before");
    assert_true(opens(unit, &both, "c", after, &text, &length));
    assert_true(opens(unit, &new, "c", after, &text, &length));
    assert_false(opens(unit, &new, "c", before, &text, &length));
    assert_false(opens(unit, &old, "c", after, &text, &length));
    assert_string_equal(err_word(unit->err.kind), err_word(ERR_BUG));
    assert_contains(unit->err.detail, "was the secret file replaced");
}

static void what_was_sealed_for_one_context_opens_for_no_other(void **state)
{
    struct unit *unit = *state;
    struct secret secret = loaded(unit, KEY_A "\n");
    struct sealed sealed = seal(unit, &secret, "alice", "x", 1);
    char *text;
    size_t length;

    assert_true(opens(unit, &secret, "alice", sealed, &text, &length));
    assert_false(opens(unit, &secret, "bob", sealed, &text, &length));
    assert_false(opens(unit, &secret, "alic", sealed, &text, &length));
    assert_false(opens(unit, &secret, "", sealed, &text, &length));
}

static void no_changed_bit_and_no_cut_goes_unnoticed(void **state)
{
    struct unit *unit = *state;
    struct secret secret = loaded(unit, KEY_A "\n" KEY_B "\n");
    struct sealed sealed = seal(unit, &secret, "c", "outcome", 7);
    char *text;
    size_t length;

    for (size_t bit = 0; bit < 8 * sealed.length; bit++) {
        sealed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(opens(unit, &secret, "c", sealed, &text, &length));
        sealed.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < sealed.length; cut++)
        assert_false(opens(unit, &secret, "c", (struct sealed){sealed.bytes, cut}, &text, &length));
    for (size_t cut = 1; cut < sealed.length; cut++)
        assert_false(
            opens(unit, &secret, "c", (struct sealed){sealed.bytes + cut, sealed.length - cut}, &text, &length));
    assert_true(opens(unit, &secret, "c", sealed, &text, &length));
}

static void without_memory_nothing_is_sealed_or_opened(void **state)
{
    struct unit *unit = *state;
    struct secret secret = loaded(unit, KEY_A "\n");
    struct sealed sealed = seal(unit, &secret, "c", "outcome", 7), none;
    struct arena small;
    char *text;
    size_t length;

    arena_init(&small, 16);
    assert_refused(secret_seal(&secret, &small, "c", 1, "outcome", 7, &none.bytes, &none.length, &unit->err),
                   &unit->err, ERR_DOWN, "out of memory");
    assert_refused(secret_open(&secret, &small, "c", 1, sealed.bytes, sealed.length, &text, &length, &unit->err),
                   &unit->err, ERR_DOWN, "out of memory");
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(keys_are_read_in_their_order),
        PROMISE(a_wrong_file_is_refused_with_the_line_and_the_cure),
        PROMISE(a_file_that_may_not_be_read_is_not_to_be_made_anew),
        PROMISE(an_indented_key_counts_like_any_other),
        PROMISE(a_refusal_never_shows_the_key),
        PROMISE(a_mac_depends_on_key_purpose_and_message),
        PROMISE(a_key_has_a_name_that_does_not_show_it),
        PROMISE(a_tag_depends_on_the_derived_key_and_on_all_parts),
        PROMISE(what_was_sealed_opens_and_ends_with_a_nul),
        PROMISE(the_same_text_is_never_sealed_the_same),
        PROMISE(what_the_old_key_sealed_opens_after_a_rotation),
        PROMISE(what_was_sealed_for_one_context_opens_for_no_other),
        PROMISE(no_changed_bit_and_no_cut_goes_unnoticed),
        PROMISE(without_memory_nothing_is_sealed_or_opened),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
