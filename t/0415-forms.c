/* The form that is kept of rules: small, the same rules again, and nobody's when it is not what was checked. */
#include "gate/rules_form.h"

#include "base/sha256.h"
#include "unit.h"

static const struct uuid ann = {.bytes = {1}};
static const char text[] = "user:ann,bob factor:2 | group:staff group:a,b recent:600 net:10.0.0.0/8,2001:db8::/32\n"
                           "public path:/static/,/a%20b method:GET,HEAD | any key";

static void read_known(struct unit *unit, const char *from, struct rules *rules)
{
    struct rules_value *user = NULL;
    struct rules_place place;

    assert_granted(rules_read(&unit->arena, from, strlen(from), rules, &place, &unit->err), &unit->err);
    while ((user = rules_next_user(rules, user)) != NULL) {
        user->account = strcmp(user->text, "ann") == 0 ? ann : (struct uuid){.bytes = {2}};
        user->known = true;
    }
}

static struct rules_form written(struct unit *unit, const char *from)
{
    struct rules_form form;
    struct rules rules;

    read_known(unit, from, &rules);
    assert_granted(rules_form_write(&unit->arena, &rules, from, strlen(from), &form, &unit->err), &unit->err);
    return form;
}

static void assert_same(const struct rules *a, const struct rules *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->term_count, b->term_count);
    assert_int_equal(a->value_count, b->value_count);
    for (int i = 0; i < a->term_count; i++) {
        assert_int_equal(a->terms[i].kind, b->terms[i].kind);
        assert_int_equal(a->terms[i].row, b->terms[i].row);
        assert_int_equal(a->terms[i].first, b->terms[i].first);
        assert_int_equal(a->terms[i].count, b->terms[i].count);
        for (int k = a->terms[i].first; k < a->terms[i].first + a->terms[i].count; k++) {
            const struct rules_value *one = &a->values[k], *other = &b->values[k];

            if (a->terms[i].kind == RULES_USER)
                assert_true(one->known && other->known && uuid_equal(&one->account, &other->account));
            else if (a->terms[i].kind == RULES_NET)
                assert_true(memcmp(one->network.bytes, other->network.bytes, ADDRESS_BYTES) == 0 &&
                            one->network.bits == other->network.bits);
            else if (one->text != NULL)
                assert_string_equal(one->text, other->text);
            else
                assert_int_equal(one->number, other->number);
        }
    }
}

static void what_is_read_of_a_form_is_what_was_read_of_the_text(void **state)
{
    struct unit *unit = *state;
    struct rules_form form = written(unit, text);
    struct rules rules, again;

    read_known(unit, text, &rules);
    assert_granted(rules_form_read(&unit->arena, &form, text, &again, &unit->err), &unit->err);
    assert_same(&rules, &again);
    assert_granted(rules_form_read(&unit->arena, &form, NULL, &again, &unit->err), &unit->err);
    assert_same(&rules, &again);
}

/* Releases that serve side by side, and forms of years ago, have one meaning: these bytes are never changed, only added to. */
static void the_bytes_of_a_form_stay_what_they_are(void **state)
{
    static const unsigned char bytes[] = {
        'm', 'f', 'r', 1, 0, 0, 0,   0,   0, 0, 0, 0, 0, 0,
        0,   0,   0,   0, 0, 0,                             /* the version; here is the text's digest */
        0,   3,   0,   2,                                   /* three terms, two values */
        2,   0,   0,   0,                                   /* any */
        6,   0,   0,   1, 0, 8, 0,   0,   0, 0, 0, 0, 0, 2, /* factor:2 */
        9,   0,   0,   1, 0, 3, '/', 'a', 0,                /* path:/a */
    };
    struct unit *unit = *state;
    struct rules_form form = written(unit, "any factor:2 path:/a");
    unsigned char digest[SHA256_BYTES];

    sha256_of("any factor:2 path:/a", 20, digest);
    assert_memory_equal(form.bytes, bytes, 4);
    assert_memory_equal(form.bytes + 4, digest, 16);
    assert_memory_equal(form.bytes + 20, bytes + 20, sizeof bytes - 20);
    sha256_of(form.bytes, sizeof bytes, digest);
    assert_memory_equal(form.bytes + sizeof bytes, digest, 16);
    assert_int_equal(form.length, sizeof bytes + 16);
}

static void a_user_has_to_be_looked_for_before(void **state)
{
    struct unit *unit = *state;
    struct rules_form form;
    struct rules rules;

    read_known(unit, text, &rules);
    rules_next_user(&rules, NULL)->known = false;
    assert_refused(rules_form_write(&unit->arena, &rules, text, strlen(text), &form, &unit->err), &unit->err, ERR_BUG,
                   "the account of ann was not looked for");
}

/* It lets nobody pass, whoever it is. */
static void assert_denies(struct unit *unit, const unsigned char *bytes, size_t length, const char *with,
                          const char *says)
{
    struct rules_form form = {unit_exact(bytes, length), length};
    struct rules_facts facts = {
        .method = "GET", .target = "/static/a", .address = "10.0.0.1", .account = &ann, .factors = 2};
    struct rules rules;

    memset(&rules, 0xFF, sizeof rules);
    assert_refused(rules_form_read(&unit->arena, &form, with, &rules, &unit->err), &unit->err, ERR_BUG, says);
    assert_int_equal(rules_judge(&rules, &facts).verdict, RULES_FORBIDDEN);
    free((void *)(uintptr_t)form.bytes);
}

static void a_damaged_form_lets_nobody_pass(void **state)
{
    struct unit *unit = *state;
    struct rules_form form = written(unit, text);
    unsigned char *bytes = unit_exact(form.bytes, form.length);

    for (size_t i = 0; i < form.length; i++) {
        assert_denies(unit, bytes, i, NULL, "the form of the rules is ");
        for (unsigned bit = 1; bit <= 0x80; bit *= 2) {
            bytes[i] = (unsigned char)(bytes[i] ^ bit);
            assert_denies(unit, bytes, form.length, NULL, "the form of the rules is ");
            bytes[i] = (unsigned char)(bytes[i] ^ bit);
        }
        arena_reset(&unit->arena);
    }
    free(bytes);
}

static void a_form_of_another_text_lets_nobody_pass(void **state)
{
    struct unit *unit = *state;
    struct rules_form form = written(unit, "any");

    assert_denies(unit, form.bytes, form.length, "public", "not the one that was checked");
    assert_denies(unit, form.bytes, form.length, "any ", "not the one that was checked");
    assert_denies(unit, form.bytes, form.length, "", "not the one that was checked");
}

/* With its digest set right, as a newer release would. */
static const unsigned char *changed(const struct rules_form *form, size_t at, unsigned char to, unsigned char *bytes)
{
    unsigned char digest[SHA256_BYTES];

    memcpy(bytes, form->bytes, form->length);
    bytes[at] = to;
    sha256_of(bytes, form->length - 16, digest);
    memcpy(bytes + form->length - 16, digest, 16);
    return bytes;
}

static void a_form_of_a_newer_release_lets_nobody_pass(void **state)
{
    struct unit *unit = *state;
    struct rules_form form = written(unit, "any factor:2 path:/a");
    unsigned char bytes[256];

    assert_denies(unit, changed(&form, 3, 2, bytes), form.length, NULL, "of version 2, which this build does not know");
    assert_denies(unit, changed(&form, 24, 11, bytes), form.length, NULL, "terms that this build does not know");
    assert_denies(unit, changed(&form, 24, 0, bytes), form.length, NULL, "terms that this build does not know");
    form = written(unit, "any key");
    assert_denies(unit, changed(&form, 28, 11, bytes), form.length, NULL, "terms that this build does not know");
}

/* Whatever byte is another one while the digest is right: what is read is sound, or nobody passes. */
static void a_form_that_was_made_up_is_read_soundly(void **state)
{
    struct unit *unit = *state;
    struct rules_form form = written(unit, text);
    unsigned char bytes[1024];
    uint64_t seed = 415;
    int sound = 0;

    assert_true(form.length < sizeof bytes);
    for (int round = 0; round < 20000; round++) {
        struct rules_form made = {
            changed(&form, 20 + unit_random(&seed) % (form.length - 36), (unsigned char)unit_random(&seed), bytes),
            form.length};
        struct rules rules;
        int term;

        if (rules_form_read(&unit->arena, &made, NULL, &rules, &unit->err)) {
            sound++;
            for (int row = 0; row < rules.rows; row++)
                assert_null(rules_row_fault(&rules, row, &term));
        } else
            assert_int_equal(rules.rows + rules.term_count, 0);
        err_clear(&unit->err);
        if (round % 100 == 99) {
            arena_reset(&unit->arena);
            form = written(unit, text);
        }
    }
    assert_in_range(sound, 1, 19999);
}

static void the_largest_text_has_a_form(void **state)
{
    struct unit *unit = *state;
    char large[RULES_TEXT_BYTES + 1];
    struct rules_form form;
    struct rules rules;

    memset(large, 0, sizeof large);
    strcpy(large, "any net:::");
    for (int i = 1; i < RULES_VALUES_MAX; i++)
        strcat(large, ",::");
    form = written(unit, large);
    assert_in_range(form.length, 1, RULES_FORM_BYTES);
    assert_granted(rules_form_read(&unit->arena, &form, large, &rules, &unit->err), &unit->err);
    assert_int_equal(rules.value_count, RULES_VALUES_MAX);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(what_is_read_of_a_form_is_what_was_read_of_the_text),
        PROMISE(the_bytes_of_a_form_stay_what_they_are),
        PROMISE(a_user_has_to_be_looked_for_before),
        PROMISE(a_damaged_form_lets_nobody_pass),
        PROMISE(a_form_of_another_text_lets_nobody_pass),
        PROMISE(a_form_of_a_newer_release_lets_nobody_pass),
        PROMISE(a_form_that_was_made_up_is_read_soundly),
        PROMISE(the_largest_text_has_a_form),
    };

    return KEEP_PROMISES(promises);
}
