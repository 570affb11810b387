/*
 * Texts have an end, in characters and in combining marks in a row; names hold what names are made of; clients are counted by
 * what one of them has.
 */
#include "base/address.h"
#include "base/character.h"
#include "base/marks.h"
#include "base/precis.h"
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

/*
 * The C library has its own table, which was made from Unicode's data by somebody else. One with an older Unicode, as
 * Debian 12's, does not know the newest characters: what it can't print is not compared. Debian 13's knows all of them.
 */
static void the_marks_are_those_that_the_c_library_calls_combining(void **state)
{
    wctype_t combining;
    size_t compared = 0;

    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    combining = wctype("combining");
    assert_true(combining != 0);
    for (uint32_t code = 0; code < 0x110000; code++) {
        bool decomposed = code == 0xFF9E || code == 0xFF9F; /* half-width: NFKD makes marks of them */
        bool combines = iswctype(code, combining) != 0 || decomposed;

        if (mark_is(code) != combines && (combines || iswprint(code)))
            fail_msg("U+%04X", code);
        compared += combines;
    }
    assert_true(compared > 2400); /* as many as Unicode 14 has */
}

static void each_kind_has_a_longest_text_and_none_longer(void **state)
{
    static const size_t most[] = {
        [TEXT_LOGIN] = 254, [TEXT_USERNAME] = 64, [TEXT_EMAIL] = 254,  [TEXT_NAME] = 200,
        [TEXT_LABEL] = 60,  [TEXT_GROUP] = 64,    [TEXT_SEARCH] = 255, [TEXT_USER_AGENT] = 256,
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

static void a_text_is_trimmed_of_spaces_of_any_kind(void **state)
{
    static const char *const cases[][2] = {
        {"ann", "ann"},
        {" ann ", "ann"},
        {"\t\r\n ann b \n", "ann b"},
        {"\xC2\xA0\xE3\x80\x80"
         "ann\xE2\x80\x83\xE2\x80\xA8",
         "ann"},
        {"\xE2\x80\x8B"
         "ann",
         "\xE2\x80\x8B"
         "ann"}, /* no space */
        {" \xFF ", "\xFF"},
        {"   ", ""},
        {"", ""},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(text_trim(&unit->arena, cases[i][0]), cases[i][1]);
}

/* Those of Unicode 14's DerivedCoreProperties.txt, and the one Braille pattern that has no dot. */
static void what_shows_nothing_is_hidden(void **state)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C},   {0x115F, 0x1160}, {0x17B4, 0x17B5},
        {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F}, {0x2800, 0x2800},
        {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8},
        {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
    };
    size_t at = 0;

    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        bool expected;

        at += at < COUNT(hidden) && code > hidden[at].last;
        expected = at < COUNT(hidden) && code >= hidden[at].first;
        if (character_is_hidden(code) != expected)
            fail_msg("U+%04X", code);
        if (character_is_modifier(code) && !expected)
            fail_msg("U+%04X changes what stands before it, but is shown", code);
    }
}

static void a_username_is_made_of_what_identifiers_are_made_of(void **state)
{
    static const struct {
        enum precis_fault fault;
        const char *names[32];
    } cases[] = {
        {PRECIS_FINE,
         {"ann", "Ann.Lamp_1-x", "!#$%&()*+=?[]^`{|}~", "\xC3\xA4\xE5\x90\x8D",
          "stra\xC3\x9F"
          "e",
          "u\xCC\x88", "\xEF\xBD\x95" /* u of full width */, "\xEF\xBD\xB6" /* half-width kana */,
          "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB" /* Hangul, decomposed */, "xarl\xC2\xB7la", "\xCD\xB5\xCE\xB1",
          "\xD7\xA6\xD7\xB3", "\xE3\x82\xA2\xE3\x83\xBB", "\xD8\xA7\xD9\xA1",
          "\xD7\x90\xD7\x91"
          "1",
          "\xD8\xA7\xD9\x8E"}},
        {PRECIS_CHARACTER,
         {"a b",
          "a\x7F",
          "\xE2\x80\x8B",
          "a\xE3\x85\xA4",
          "a\xEF\xBE\xA0",
          "a\xE1\x85\x9F",
          "a\xE2\xA0\x80",
          "a\xCD\x8F",
          "a\xEF\xB8\x8F",
          "a\xF3\xA0\x81\xA1",
          "a\xE2\x80\x8D"
          "b",
          "\xE2\x93\x90nn" /* circled */,
          "\xEF\xAC\x81" /* a ligature */,
          "x\xC2\xB2",
          "\xF0\x9F\x98\x80",
          "\xE2\x99\xA5",
          "\xC2\xA0",
          "\xE3\x80\x80",
          "\xEF\xB9\xAB" /* a small @ */,
          "a\xC2\xB7"
          "b",
          "\xCD\xB5x",
          "x\xD7\xB3",
          "x\xE3\x83\xBB",
          "\xD9\x80",
          "\xD8\xA7\xD9\xA1\xDB\xB2" /* digits of two kinds */,
          "\xE1\x84\x80" /* a letter of Hangul alone, which is no syllable */,
          "\xEE\x80\x80" /* private use */,
          "\xE0\xB7\xB5" /* unassigned */,
          "\xFF"}},
        {PRECIS_DIRECTION,
         {"1\xD7\x90", "a\xD7\x90",
          "\xD7\x90"
          "a",
          "\xD7\x90"
          "1\xD7\x90"
          "a",
          "\xD8\xA7"
          "1\xD9\xA1",
          "\xD7\x90.", "\xD9\xA1\xD9\xA2"}},
    };
    char mapped[PRECIS_NAME_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(cases[i].names) && cases[i].names[k] != NULL; k++)
            if (precis_username(cases[i].names[k], mapped) != cases[i].fault)
                fail_msg("\"%s\" is not %d", cases[i].names[k], (int)cases[i].fault);
    assert_int_equal(precis_username("\xEF\xBD\x95\xCC\x88\xEF\xBC\xA0", mapped), PRECIS_FINE);
    assert_string_equal(mapped, "\xC3\xBC@"); /* full width, then composed */
    assert_int_equal(precis_username(many("", "\xC3\xA4", PRECIS_NAME_CHARACTERS), mapped), PRECIS_FINE);
    assert_int_equal(precis_username(many("", "\xC3\xA4", PRECIS_NAME_CHARACTERS + 1), mapped), PRECIS_CHARACTER);
    /* What NFC makes longest of one. */
    assert_int_equal(precis_username(many("", "\xF0\x9D\x85\xA0", PRECIS_NAME_CHARACTERS), mapped), PRECIS_CHARACTER);
    assert_int_equal(strlen(mapped), PRECIS_NAME_BYTES - 1);
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
        PROMISE(a_text_is_trimmed_of_spaces_of_any_kind),
        PROMISE(what_shows_nothing_is_hidden),
        PROMISE(a_username_is_made_of_what_identifiers_are_made_of),
        PROMISE(a_client_is_an_address_of_ipv4_or_a_64_of_ipv6),
        PROMISE(an_address_counts_as_its_subscriber),
        PROMISE(an_address_is_shown_in_its_usual_form),
    };

    return KEEP_PROMISES(promises);
}
