/* Texts have an end, in characters and in combining marks in a row, and clients are counted by what one of them has. */
#include "base/address.h"
#include "base/marks.h"
#include "base/text_limit.h"
#include "base/utf8.h"

#include "unit.h"

#include <locale.h>
#include <wctype.h>

#define GRAVE_ABOVE "\xCC\x80" /* U+0300, of class 230 */
#define GRAVE_BELOW "\xCC\x96" /* U+0316, of class 220: marks of two classes are what takes time to order */

enum { TEXT_BYTES = 64 * 1024 };

/* count times what, after before; a static buffer. */
static const char *many(const char *before, const char *what, size_t count)
{
    static char text[TEXT_BYTES + 8];
    size_t length = strlen(before);

    assert_true(length + count * strlen(what) <= TEXT_BYTES);
    strcpy(text, before);
    for (size_t i = 0; i < count; i++, length += strlen(what))
        strcpy(text + length, what);
    return text;
}

/* The C library has its own table, which was made from Unicode's data by somebody else. */
static void the_marks_are_those_that_the_c_library_calls_combining(void **state)
{
    wctype_t combining;

    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    combining = wctype("combining");
    assert_true(combining != 0);
    for (uint32_t code = 0; code < 0x110000; code++) {
        bool decomposed = code == 0xFF9E || code == 0xFF9F; /* half-width: NFKD makes marks of them */

        if (mark_is(code) != (iswctype(code, combining) != 0 || decomposed))
            fail_msg("U+%04X", code);
    }
}

static void each_kind_has_a_longest_text_and_none_longer(void **state)
{
    static const size_t most[] = {
        [TEXT_LOGIN] = 254, [TEXT_USERNAME] = 64, [TEXT_EMAIL] = 254,      [TEXT_NAME] = 200,
        [TEXT_GROUP] = 64,  [TEXT_SEARCH] = 255,  [TEXT_USER_AGENT] = 256,
    };
    struct unit *unit = *state;

    for (enum text_kind kind = 0; kind < COUNT(most); kind++) {
        assert_granted(text_check(kind, "it", many("", "a", most[kind]), &unit->err), &unit->err);
        assert_granted(text_check(kind, "it", many("", "\xF0\x9F\x8C\xB1", most[kind]), &unit->err), &unit->err);
        assert_refused(text_check(kind, "it", many("", "a", most[kind] + 1), &unit->err), &unit->err, ERR_VALUE,
                       "characters");
    }
    assert_refused(text_check(TEXT_LOGIN, "it", "", &unit->err), &unit->err, ERR_VALUE, "it: 1 to 254");
    assert_granted(text_check(TEXT_SEARCH, "it", "", &unit->err), &unit->err);
}

static void thirty_marks_may_follow_a_character_and_no_more(void **state)
{
    struct unit *unit = *state;
    char text[TEXT_BYTES];

    assert_granted(text_check(TEXT_LOGIN, "it", many("a", GRAVE_ABOVE, TEXT_MARKS_MAX), &unit->err), &unit->err);
    assert_refused(text_check(TEXT_LOGIN, "it", many("a", GRAVE_ABOVE, TEXT_MARKS_MAX + 1), &unit->err), &unit->err,
                   ERR_VALUE, "30 combining marks");
    assert_refused(text_check(TEXT_LOGIN, "it", many("", GRAVE_ABOVE GRAVE_BELOW, TEXT_MARKS_MAX / 2 + 1), &unit->err),
                   &unit->err, ERR_VALUE, "30 combining marks");
    /* Whatever is no mark begins anew. */
    snprintf(text, sizeof text, "%s", many("a", GRAVE_ABOVE, TEXT_MARKS_MAX));
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", many("b", GRAVE_BELOW, TEXT_MARKS_MAX));
    assert_granted(text_check(TEXT_LOGIN, "it", text, &unit->err), &unit->err);
    assert_refused(text_check(TEXT_LOGIN, "it", many("a", "\xEF\xBE\x9E", TEXT_MARKS_MAX + 1), &unit->err), &unit->err,
                   ERR_VALUE, "30 combining marks");
}

static void what_a_language_writes_is_let_through(void **state)
{
    static const char *const texts[] = {
        "Nguye\xCC\x82\xCC\x83n",                                                   /* Vietnamese, decomposed */
        "\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7\xE0\xA5\x8D\xE0\xA4\xB0\xE0\xA5\x80", /* Devanagari */
        "\xE0\xBD\xA6\xE0\xBE\x90\xE0\xBE\xB1\xE0\xBD\xBA\xE0\xBD\xBC\xE0\xBD\xBE", /* Tibetan, stacked */
        "\xD7\xA9\xD6\xB8\xD7\x81\xD7\x9C\xD7\x95\xD6\xB9\xD7\x9D",                 /* Hebrew with its points */
        "\xE0\xB8\x97\xE0\xB8\xB5\xE0\xB9\x88",                                     /* Thai */
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(texts); i++)
        assert_granted(text_check(TEXT_USERNAME, "it", texts[i], &unit->err), &unit->err);
}

static void a_clipped_text_is_what_may_be_shown(void **state)
{
    struct unit *unit = *state;
    const char *clipped = text_clip(&unit->arena, TEXT_USER_AGENT, "curl/7.88 \xFF\x01", 12);

    assert_string_equal(clipped, "curl/7.88 ??");
    clipped = text_clip(&unit->arena, TEXT_USER_AGENT, many("", "\xC3\xA4", 300), 600);
    assert_int_equal(utf8_count(clipped, strlen(clipped)), 256);
    clipped = text_clip(&unit->arena, TEXT_USER_AGENT, many("x", GRAVE_ABOVE GRAVE_BELOW, 100), 401);
    assert_string_equal(clipped, many("x", GRAVE_ABOVE GRAVE_BELOW, TEXT_MARKS_MAX / 2));
    assert_string_equal(text_clip(&unit->arena, TEXT_USER_AGENT, "", 0), "");
}

static void a_client_is_an_address_of_ipv4_or_a_64_of_ipv6(void **state)
{
    static const struct {
        const char *address, *key;
        bool is_address;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"::FFFF:C000:201", "192.0.2.1", true},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", true},
        {"2001:0DB8:1:2::", "2001:db8:1:2::/64", true},
        {"2001:db8:1:3::1", "2001:db8:1:3::/64", true},
        {"::1", "::/64", true},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64", true},
        {"unix:", "unix:", false},
        {"", "", false},
        {"fe", "fe", false},
    };
    char key[ADDRESS_KEY_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (address_key_text(cases[i].address, key) != cases[i].is_address)
            fail_msg("%s", cases[i].address);
        assert_string_equal(key, cases[i].key);
    }
    assert_false(address_key_text(many("", "x", 1000), key));
    assert_int_equal(strlen(key), ADDRESS_KEY_TEXT_BYTES - 1);
}

static void an_address_counts_as_its_subscriber(void **state)
{
    static const struct {
        const char *one, *other;
        bool same;
    } pairs[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
        {"2001:db8::1", "2001:db8:0:0:1::", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"::1", "::2", true},
        {"unix:", "", true},
        {"192.0.2.1", "unix:", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct address_key one = address_key_of(pairs[i].one), other = address_key_of(pairs[i].other);

        assert_int_equal(address_key_same(&one, &other), pairs[i].same);
    }
}

static void an_address_is_shown_in_its_usual_form(void **state)
{
    char plain[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_true(address_plain("::ffff:192.0.2.1", plain));
    assert_string_equal(plain, "192.0.2.1");
    assert_true(address_plain("2001:DB8:0:0::7", plain));
    assert_string_equal(plain, "2001:db8::7");
    assert_false(address_plain("unix:", plain));
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(the_marks_are_those_that_the_c_library_calls_combining),
        PROMISE(each_kind_has_a_longest_text_and_none_longer),
        PROMISE(thirty_marks_may_follow_a_character_and_no_more),
        PROMISE(what_a_language_writes_is_let_through),
        PROMISE(a_clipped_text_is_what_may_be_shown),
        PROMISE(a_client_is_an_address_of_ipv4_or_a_64_of_ipv6),
        PROMISE(an_address_counts_as_its_subscriber),
        PROMISE(an_address_is_shown_in_its_usual_form),
    };

    return KEEP_PROMISES(promises);
}
