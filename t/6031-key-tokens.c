/* What a program sends in the place of a session's token: a key's, or a name and a password of which one may be a key. */
#include "base/base64.h"
#include "base/token.h"
#include "http/basic.h"

#include "unit.h"

static void a_key_is_read_as_it_was_made_and_is_no_session(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct token made, read;
        char text[TOKEN_TEXT_BYTES];

        token_new_key(&clock_system, &made, text);
        assert_int_equal(strlen(text), TOKEN_TEXT_BYTES - 1);
        assert_memory_equal(text, "mfk_", 4);
        assert_true(token_is_key(text, strlen(text)));
        assert_false(token_parse(text, strlen(text), &read));
        assert_true(token_parse_key(text, strlen(text), &read));
        assert_true(uuid_equal(&made.id, &read.id) && token_hash_equal(made.hash, read.hash));
        assert_false(token_parse_key(text, strlen(text) - 1, &read));
    }
}

static void a_session_is_no_key(void **state)
{
    struct token token;
    char text[TOKEN_TEXT_BYTES];

    (void)state;
    token_new(&clock_system, &token, text);
    assert_false(token_is_key(text, strlen(text)));
    assert_false(token_parse_key(text, strlen(text), &token));
}

/* Also when it is cut off: it is not taken for somebody else's password. */
static void what_begins_as_a_key_is_one_that_is_wrong(void **state)
{
    (void)state;
    assert_true(token_is_key("mfk_", 4));
    assert_false(token_is_key("mfk_", 3));
    assert_false(token_is_key("Mfk_x", 5));
    assert_false(token_is_key("", 0));
}

static void basic_has_a_name_and_a_password(void **state)
{
    static const struct {
        const char *header, *name, *password; /* name NULL: it is none */
    } rows[] = {
        {"Basic YW5uOnNlY3JldA==", "ann", "secret"},
        {"basic   YW5uOnNlY3JldA==", "ann", "secret"},
        {"Basic YW5uOmE6Yg==", "ann", "a:b"}, /* the first colon counts */
        {"Basic Og==", "", ""},
        {"Basic w7Y6w7Y=", "\xc3\xb6", "\xc3\xb6"},
        {"Basic YW5u", NULL, NULL},           /* no colon */
        {"Basic YW5uOnNlY3JldA", NULL, NULL}, /* no padding */
        {"Basic YW5uOnNlY3JldA==x", NULL, NULL},
        {"Basic /zp4", NULL, NULL},     /* no UTF-8 */
        {"Basic YQA6eA==", NULL, NULL}, /* a NUL */
        {"Basic YQo6eA==", NULL, NULL}, /* a line feed */
        {"Basic", NULL, NULL},
        {"Basic ", NULL, NULL},
        {"BasicYW5uOnNlY3JldA==", NULL, NULL},
        {"Bearer YW5uOnNlY3JldA==", NULL, NULL},
        {"", NULL, NULL},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = {.kind = ERR_NONE};
        struct basic basic;
        char *exact = unit_exact(rows[i].header, strlen(rows[i].header) + 1);
        bool read = basic_read(&arena, exact, &basic, &err);

        assert_int_equal(err.kind, ERR_NONE);
        assert_int_equal(read, rows[i].name != NULL);
        if (read) {
            assert_string_equal(basic.name, rows[i].name);
            assert_string_equal(basic.password, rows[i].password);
        }
        free(exact);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_key_is_read_as_it_was_made_and_is_no_session),
        PROMISE(a_session_is_no_key),
        PROMISE(what_begins_as_a_key_is_one_that_is_wrong),
        PROMISE(basic_has_a_name_and_a_password),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
