/* UTF-8, JSON strings and identifiers: what is well-formed, what is cut, what is refused. */
#include "base/decimal.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "base/uuid.h"

#include "unit.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* Writes the code point as UTF-8 without asking whether there may be such a one. */
static size_t encode(uint32_t code, char text[4])
{
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        text[0] = (char)(0xC0 | code >> 6);
        text[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        text[0] = (char)(0xE0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 0x3F));
        text[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    text[0] = (char)(0xF0 | code >> 18);
    text[1] = (char)(0x80 | (code >> 12 & 0x3F));
    text[2] = (char)(0x80 | (code >> 6 & 0x3F));
    text[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

static void every_code_point_but_the_surrogates_is_well_formed(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x200000; code++) {
        char text[4];
        size_t length = encode(code, text);
        bool allowed = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);

        if (utf8_check(text, length) != (allowed ? length : 0))
            fail_msg("U+%04X", code);
        if (allowed && utf8_count(text, length) != 1)
            fail_msg("U+%04X counts as more than one", code);
        if (allowed) {
            char encoded[UTF8_SEQUENCE_MAX];

            assert_int_equal(utf8_encode(code, encoded), length);
            assert_memory_equal(encoded, text, length);
        }
    }
}

static void a_number_is_digits_and_nothing_else(void **state)
{
    static const char *const wrong[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "\t1",
                                        "1\n",
                                        "0x1",
                                        "1e3",
                                        "1.0",
                                        "1,0",
                                        "--1",
                                        "9223372036854775808",
                                        "18446744073709551617",
                                        "99999999999999999999"};
    static const struct {
        const char *text;
        int64_t number;
    } right[] = {{"0", 0},
                 {"-0", 0},
                 {"007", 7},
                 {"42", 42},
                 {"-42", -42},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    const char *at = "12x", *much = "99999999999999999999-";
    int64_t number = 5;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(decimal_parse(wrong[i], INT64_MIN, INT64_MAX, &number));
        assert_int_equal(number, 5);
    }
    for (size_t i = 0; i < COUNT(right); i++) {
        assert_true(decimal_parse(right[i].text, INT64_MIN, INT64_MAX, &number));
        assert_int_equal(number, right[i].number);
    }
    assert_true(decimal_parse("10", 10, 20, &number) && decimal_parse("20", 10, 20, &number));
    assert_false(decimal_parse("9", 10, 20, &number) || decimal_parse("21", 10, 20, &number) ||
                 decimal_parse("-15", 10, 20, &number));
    assert_true(decimal_take(&at, &number) && number == 12 && *at == 'x');
    assert_false(decimal_take(&at, &number));
    assert_true(decimal_take(&much, &number) && number == INT64_MAX && *much == '-');
}

static void decimals_are_those_of_printf(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -10, 99, 200, 65536, 1234567890123, INT64_MAX, INT64_MIN};
    char text[DECIMAL_BYTES], wanted[32];

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        int length = snprintf(wanted, sizeof wanted, "%lld", (long long)numbers[i]);

        assert_int_equal(decimal_format(numbers[i], text), length);
        assert_string_equal(text, wanted);
    }
}

static void padded_decimals_have_so_many_digits(void **state)
{
    char text[] = "________";

    (void)state;
    decimal_pad(7, 2, text);
    decimal_pad(2026, 4, text + 2);
    decimal_pad(12345, 1, text + 7);
    assert_string_equal(text, "072026_5");
}

/* Three ASCII bytes, one ASCII byte and one of the 1920 pairs (two ways), or one of the 61440 triples. */
static void of_all_strings_of_three_bytes_the_right_number_is_well_formed(void **state)
{
    size_t well_formed = 0;

    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        const char text[3] = {(char)(i >> 16), (char)(i >> 8), (char)i};

        well_formed += utf8_check(text, 3) == 3;
    }
    assert_int_equal(well_formed, 128 * 128 * 128 + 2 * 128 * 1920 + 61440);
}

static void the_first_bad_byte_is_named(void **state)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"\x80", 0},
        {"abc\xFF", 3},
        {"a\xC3", 1},
        {"\xC3\xA9\xC3", 2},
        {"\xC0\x80", 0},
        {"\xC1\xBF", 0},
        {"\xE0\x9F\xBF", 0},
        {"\xED\xA0\x80", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"ab\xE2\x82", 2},
        {"\xE2\x82\xAC\xE2\x82z", 3},
        {"\xF0\x9F\x98", 0},
        {"x\xFE\xFF", 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].text);
        char *text = unit_exact(cases[i].text, length);

        assert_int_equal(utf8_check(text, length), cases[i].at);
        free(text);
    }
    assert_int_equal(utf8_check("", 0), 0);
    assert_int_equal(utf8_check("a\0b", 3), 3);
}

static void characters_are_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_count("", 0), 0);
    assert_int_equal(utf8_count("abc", 3), 3);
    assert_int_equal(utf8_count("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9), 3);
}

static void controls_are_found_and_nothing_else(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x3000; code++) {
        char text[4];
        size_t length = encode(code, text);
        bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);

        if (utf8_has_control(text, length) != control)
            fail_msg("U+%04X", code);
    }
    assert_false(utf8_has_control("", 0));
    assert_true(utf8_has_control("a\tb", 3));
}

static void a_repaired_text_is_well_formed_and_free_of_controls(void **state)
{
    struct unit *unit = *state;
    uint64_t seed = 110;

    assert_string_equal(utf8_repair(&unit->arena, "Mozilla/5.0 \xC3\xA9", 14), "Mozilla/5.0 \xC3\xA9");
    assert_string_equal(utf8_repair(&unit->arena, "a\r\n\x7F\xFF\xC3z", 7), "a?????z");
    assert_string_equal(utf8_repair(&unit->arena, "a\0b", 3), "a?b");
    assert_string_equal(utf8_repair(&unit->arena, "", 0), "");
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t length = unit_random(&seed) % sizeof bytes;
        char *repaired;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)unit_random(&seed);
        repaired = utf8_repair(&unit->arena, bytes, length);
        assert_non_null(repaired);
        assert_int_equal(utf8_check(repaired, strlen(repaired)), strlen(repaired));
        assert_false(utf8_has_control(repaired, strlen(repaired)));
        arena_reset(&unit->arena);
    }
}

static void a_text_becomes_a_json_string(void **state)
{
    static const char *const cases[][2] = {
        {"", "\"\""},
        {"mayfly", "\"mayfly\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\n\t\x01\x1F\x7F", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\""},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"a\xFFz", "\"a" REPLACEMENT "z\""},
        {"\xC3", "\"" REPLACEMENT "\""},
        {"\xED\xA0\x80", "\"" REPLACEMENT REPLACEMENT REPLACEMENT "\""},
        {"\xF0\x9F\x98\"", "\"" REPLACEMENT REPLACEMENT REPLACEMENT "\\\"\""},
    };
    char out[128];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = json_text_quote(out, sizeof out, cases[i][0]);

        assert_string_equal(out, cases[i][1]);
        assert_int_equal(length, strlen(out));
    }
}

static void a_json_string_that_does_not_fit_is_cut_at_a_whole_character(void **state)
{
    static const char text[] = "a\"\xC3\xA9\n\xE2\x82\xAC\xFF\xF0\x9F\x98\x80z";
    char whole[128];
    size_t whole_length = json_text_quote(whole, sizeof whole, text);

    (void)state;
    for (size_t size = 3; size <= whole_length + 1; size++) {
        char *out = malloc(size);
        size_t length;

        assert_non_null(out);
        length = json_text_quote(out, size, text);
        assert_true(length < size && length == strlen(out) && length >= 2);
        assert_true(out[0] == '"' && out[length - 1] == '"');
        assert_memory_equal(out, whole, length - 1);
        assert_int_equal(utf8_check(out, length), length);
        /* The longest piece is \u001f: never is more room left than it needs. */
        assert_true(size == whole_length + 1 || size - 1 - length < 6);
        assert_true(out[length - 2] != '\\' || (length > 3 && out[length - 3] == '\\'));
        free(out);
    }
    assert_int_equal(json_text_quote(whole, whole_length + 1, text), whole_length);
}

static int64_t fake_now_ms;

static int64_t fake_now(void)
{
    return fake_now_ms;
}

static const struct clock fake_clock = {.now_ms = fake_now, .monotonic_us = fake_now};

static void a_uuid_is_version_7_and_starts_with_its_time(void **state)
{
    (void)state;
    fake_now_ms = 0x017F22E279B0; /* the example of RFC 9562, appendix A.6 */
    for (int i = 0; i < 100; i++) {
        struct uuid uuid = uuid_new(&fake_clock);
        char text[UUID_TEXT_BYTES];

        uuid_format(&uuid, text);
        assert_memory_equal(text, "017f22e2-79b0-7", 15);
        assert_non_null(strchr("89ab", text[19]));
    }
}

static void later_uuids_sort_later_and_none_comes_twice(void **state)
{
    struct uuid before = {{0}};

    (void)state;
    for (fake_now_ms = 1700000000000; fake_now_ms < 1700000001000; fake_now_ms++) {
        struct uuid uuid = uuid_new(&fake_clock), other = uuid_new(&fake_clock);

        assert_true(memcmp(before.bytes, uuid.bytes, UUID_BYTES) < 0);
        assert_false(uuid_equal(&uuid, &other));
        assert_true(uuid_equal(&uuid, &uuid));
        before = uuid;
    }
}

static void uuids_in_a_row_sort_in_a_row_whatever_the_clock_says(void **state)
{
    struct uuid before;

    (void)state;
    /* The next one has no room in the 12 bits, nor in the last byte of the time. */
    assert_true(uuid_parse("017f22e2-79ff-7fff-bfff-ffffffffffff", &before));
    for (int i = 0; i < 10000; i++) {
        struct uuid uuid;
        char text[UUID_TEXT_BYTES];

        fake_now_ms = 0x017F22E27900 + i % 3;
        uuid = uuid_after(&fake_clock, &before);
        uuid_format(&uuid, text);
        if (memcmp(before.bytes, uuid.bytes, UUID_BYTES) >= 0 || text[14] != '7' || strchr("89ab", text[19]) == NULL)
            fail_msg("%d: %s", i, text);
        before = uuid;
    }
    fake_now_ms = 0x017F22E40000;
    before = uuid_after(&fake_clock, &before);
    assert_int_equal(uuid_ms(&before), fake_now_ms);
}

static void a_uuid_comes_back_from_its_text(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct uuid uuid, parsed;
        char text[UUID_TEXT_BYTES];

        for (size_t i = 0; i < UUID_BYTES; i++)
            uuid.bytes[i] = (unsigned char)unit_random(&seed);
        uuid_format(&uuid, text);
        assert_true(uuid_parse(text, &parsed));
        assert_true(uuid_equal(&uuid, &parsed));
        for (size_t i = 0; text[i] != '\0'; i++)
            text[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
        assert_true(uuid_parse(text, &parsed));
        assert_true(uuid_equal(&uuid, &parsed));
    }
}

static void what_is_no_uuid_is_refused_and_leaves_the_result_alone(void **state)
{
    static const char *const cases[] = {
        "",
        "0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2+79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "0x7f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398\xC3",
        "------------------------------------",
    };
    const struct uuid untouched = {{1, 2, 3}};
    struct uuid uuid = untouched;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (uuid_parse(cases[i], &uuid))
            fail_msg("'%s' was taken", cases[i]);
        assert_true(uuid_equal(&uuid, &untouched));
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(every_code_point_but_the_surrogates_is_well_formed),
        PROMISE(of_all_strings_of_three_bytes_the_right_number_is_well_formed),
        PROMISE(a_number_is_digits_and_nothing_else),
        PROMISE(decimals_are_those_of_printf),
        PROMISE(padded_decimals_have_so_many_digits),
        PROMISE(the_first_bad_byte_is_named),
        PROMISE(characters_are_code_points),
        PROMISE(controls_are_found_and_nothing_else),
        PROMISE(a_repaired_text_is_well_formed_and_free_of_controls),
        PROMISE(a_text_becomes_a_json_string),
        PROMISE(a_json_string_that_does_not_fit_is_cut_at_a_whole_character),
        PROMISE(a_uuid_is_version_7_and_starts_with_its_time),
        PROMISE(later_uuids_sort_later_and_none_comes_twice),
        PROMISE(uuids_in_a_row_sort_in_a_row_whatever_the_clock_says),
        PROMISE(a_uuid_comes_back_from_its_text),
        PROMISE(what_is_no_uuid_is_refused_and_leaves_the_result_alone),
    };

    return !random_start() ? 1 : KEEP_PROMISES(promises);
}
