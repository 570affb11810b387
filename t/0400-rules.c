/* The grammar of mayfly-rules(5): what is read of a text, and where a text that can't be read is wrong. */
#include "base/buf.h"
#include "gate/rules.h"

#include "unit.h"

/* One line a row, its terms and values as they were read; users that are not looked for yet by name. */
static const char *shown(struct arena *arena, const struct rules *rules)
{
    struct buf out;
    int row = 0;
    char address[64];

    buf_init(&out, arena, 65536);
    for (int i = 0; i < rules->term_count; i++) {
        const struct rules_term *term = &rules->terms[i];

        assert_true(buf_printf(&out, "%s%s",
                               i == 0             ? ""
                               : term->row == row ? " "
                                                  : " | ",
                               rules_kind_name(term->kind)));
        row = term->row;
        for (int k = term->first; k < term->first + term->count; k++) {
            const struct rules_value *value = &rules->values[k];

            snprintf(address, sizeof address, "%02x%02x..%02x/%d", value->network.bytes[0], value->network.bytes[12],
                     value->network.bytes[15], value->network.bits);
            assert_true(buf_printf(&out, "%s", k == term->first ? ":" : ","));
            if (value->text != NULL)
                assert_true(buf_printf(&out, "%s", value->text));
            else if (term->kind == RULES_NET)
                assert_true(buf_printf(&out, "%s", address));
            else
                assert_true(buf_printf(&out, "%lld", (long long)value->number));
        }
    }
    assert_int_equal(rules->rows, rules->term_count > 0 ? row + 1 : 0);
    return out.bytes;
}

static bool read_text(struct unit *unit, const char *text, struct rules *rules, struct rules_place *place)
{
    size_t length = strlen(text);
    char *exact = unit_exact(text, length);
    bool ok = rules_read(&unit->arena, exact, length, rules, place, &unit->err);

    free(exact);
    return ok;
}

static void assert_read(struct unit *unit, const char *text, const char *as)
{
    struct rules_place place;
    struct rules rules;

    if (!read_text(unit, text, &rules, &place))
        fail_msg("\"%s\": line %d, character %d: %s", text, place.line, place.character, unit->err.detail);
    assert_string_equal(shown(&unit->arena, &rules), as);
}

static void assert_wrong(struct unit *unit, const char *text, int line, int character, const char *says)
{
    struct rules_place place;
    struct rules rules;

    if (read_text(unit, text, &rules, &place))
        fail_msg("\"%s\" was read", text);
    assert_int_equal(unit->err.kind, ERR_VALUE);
    if (strstr(unit->err.detail, says) == NULL)
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", text, unit->err.detail, says);
    if (place.line != line || place.character != character)
        fail_msg("\"%s\": %s: at line %d, character %d", text, unit->err.detail, place.line, place.character);
    assert_int_equal(rules.rows + rules.term_count, 0);
    err_clear(&unit->err);
}

static void rows_stand_between_bars_or_ends_of_lines(void **state)
{
    struct unit *unit = *state;

    assert_read(unit, "any", "any");
    assert_read(unit, "group:staff|user:ann", "group:staff | user:ann");
    assert_read(unit, " group:staff\tfactor:2 | any net:192.0.2.7 ", "group:staff factor:2 | any net:00c0..07/128");
    assert_read(unit, "group:a\n\n\ngroup:b\r\n", "group:a | group:b");
    assert_read(unit, "group:a |\n  group:b\n| group:c", "group:a | group:b | group:c");
}

static void a_comment_ends_with_its_line(void **state)
{
    struct unit *unit = *state;

    assert_read(unit, "# who\nany # all | of us\n#\nuser:x#y |#z\ngroup:a", "any | user:x#y | group:a");
}

static void values_stand_between_commas(void **state)
{
    struct unit *unit = *state;

    assert_read(unit, "user:ann,bob@example.org", "user:ann,bob@example.org");
    assert_read(unit, "group:staff,a:b.c group:admin", "group:staff,a:b.c group:admin");
    assert_read(unit, "public net:10.0.0.0/8,2001:db8::/32,::1", "public net:000a..00/104,2000..00/32,0000..01/128");
    assert_read(unit, "public method:GET,HEAD,M-SEARCH", "public method:GET,HEAD,M-SEARCH");
    assert_read(unit, "any recent:600 factor:2", "any recent:600 factor:2");
    assert_read(unit, "any key", "any key");
}

static void what_the_grammar_uses_itself_is_written_by_its_number(void **state)
{
    struct unit *unit = *state;

    assert_read(unit, "user:a%7Cb,100%25", "user:a|b,100%");
    assert_read(unit, "public path:/a%20b/,/c%2cd", "public path:/a b/,/c,d");
    assert_read(unit, "user:\xC3\xA4nn,%c3%a4nn", "user:\xC3\xA4nn,\xC3\xA4nn");
    assert_read(unit, "user:a#b", "user:a#b");
}

static void a_term_that_is_none_is_named_with_its_place(void **state)
{
    struct unit *unit = *state;

    assert_wrong(
        unit, "grup:staff", 1, 1,
        "expected public, any, user:, group:, key, factor:, recent:, net:, path: or method:, found 'grup:staff'");
    assert_wrong(unit, "any\ngroup:staff ANY", 2, 13, "found 'ANY'");
    assert_wrong(unit, "user:\xC3\xA4 x", 1, 8, "found 'x'");
    assert_wrong(unit, ":ann", 1, 1, "found ':ann'");
    assert_wrong(unit, "!any", 1, 1, "found '!any'");
    assert_wrong(unit, "any:all", 1, 1, "any has no value");
    assert_wrong(unit, "group", 1, 1, "expected group:NAME, found 'group'");
    assert_wrong(unit, "group:", 1, 7, "expected group:NAME, found nothing");
    assert_wrong(unit, "group:a,,b", 1, 9, "found nothing");
    assert_wrong(unit, "group:a,", 1, 9, "found nothing");
}

static void nothing_is_no_rule(void **state)
{
    struct unit *unit = *state;

    assert_wrong(unit, "", 1, 1, "expected a term such as any or group:staff, found nothing");
    assert_wrong(unit, "\n # x\n", 3, 1, "found nothing");
    assert_wrong(unit, "| any", 1, 1, "expected a term such as any or group:staff, found '|'");
    assert_wrong(unit, "any || any", 1, 6, "found '|'");
    assert_wrong(unit, "any |\n| any", 2, 1, "found '|'");
    assert_wrong(unit, "any |\n", 2, 1, "found nothing");
}

static void a_value_that_is_none_is_refused(void **state)
{
    struct unit *unit = *state;

    assert_wrong(unit, "group:st\xC3\xA4rk", 1, 7, "the name of a group, 1 to 64 of A-Z a-z 0-9 . _ : -");
    assert_wrong(unit, "user:100%", 1, 6, "two hexadecimal digits after %");
    assert_wrong(unit, "user:a%00", 1, 6, "two hexadecimal digits");
    assert_wrong(unit, "user:a%0A", 1, 6, "a username or an e-mail address");
    assert_wrong(unit, "user:a%ff", 1, 6, "a username or an e-mail address");
    assert_wrong(unit, "any factor:3", 1, 12, "expected 1 or 2, found '3'");
    assert_wrong(unit, "any factor:02x", 1, 12, "expected 1 or 2");
    assert_wrong(unit, "any recent:29", 1, 12, "30 to 31622400, found '29'");
    assert_wrong(unit, "any recent:99999999999999999999999", 1, 12, "30 to 31622400");
    assert_wrong(unit, "any net:unix", 1, 9, "an address, or a network such as 192.0.2.0/24");
    assert_wrong(unit, "any net:10.0.0.0/33", 1, 9, "an address, or a network");
    assert_wrong(unit, "any net:10.0.0.1/8", 1, 9, "a network with zeroes beyond its length, found '10.0.0.1/8'");
    assert_wrong(unit, "any net:2001:db8::1/64", 1, 9, "zeroes beyond its length");
    assert_wrong(unit, "any method:get", 1, 12, "a method in capital letters");
    assert_wrong(unit, "any method:*", 1, 12, "a method in capital letters");
    assert_wrong(unit, "any path:static/", 1, 10, "a path that is read in one way only");
    assert_wrong(unit, "any path:/a?b", 1, 10, "a path that is read in one way only");
    assert_wrong(unit, "any path:/a/../b", 1, 10, "a path that is read in one way only");
    assert_wrong(unit, "any path:/a%2fb", 1, 10, "a path that is read in one way only");
    assert_wrong(unit, "any path:/a//b", 1, 10, "a path that is read in one way only");
    assert_wrong(unit, "any path:/a*", 1, 10, "* as a whole segment");
    assert_wrong(unit, "any path:/**/b", 1, 10, "* as a whole segment");
}

static void each_row_says_who_passes(void **state)
{
    struct unit *unit = *state;

    assert_wrong(unit, "net:10.0.0.0/8", 1, 1,
                 "net: the row does not say who passes; add any for everybody who is logged in, or public");
    assert_wrong(unit, "group:staff\nfactor:2", 2, 1, "factor: the row does not say who passes");
    assert_wrong(unit, "any | path:/a/ method:GET", 1, 7, "path: the row does not say who passes");
    assert_wrong(unit, "key", 1, 1, "key: the row does not say who passes");
}

static void terms_that_can_never_hold_together_are_refused(void **state)
{
    struct unit *unit = *state;

    assert_wrong(unit, "public group:staff", 1, 8, "group: public lets everybody pass");
    assert_wrong(unit, "factor:2 public", 1, 10, "public: public lets everybody pass");
    assert_wrong(unit, "user:ann user:bob", 1, 10, "user: a second one in this row; give the first one more values");
    assert_wrong(unit, "any any", 1, 5, "any: a second one");
    assert_wrong(unit, "any net:10.0.0.0/8 path:/ net:192.0.2.0/24", 1, 27, "net: a second one");
    assert_wrong(unit, "any key factor:2", 1, 9, "factor: a key can prove nothing");
    assert_wrong(unit, "recent:60 any key", 1, 15, "key: a key can prove nothing");
    assert_wrong(unit, "any recent:60,90", 1, 5, "recent: it has one value");
}

static void what_is_no_text_is_refused(void **state)
{
    struct unit *unit = *state;
    struct rules_place place;
    struct rules rules;

    assert_wrong(unit, "any\n user:\xFF", 2, 7, "expected a character, found the byte 0xFF");
    assert_wrong(unit, "any\x01", 1, 4, "found the byte 0x01");
    assert_refused(rules_read(&unit->arena, "any\0any", 7, &rules, &place, &unit->err), &unit->err, ERR_VALUE,
                   "found the byte 0x00");
}

/* count times what, after before. */
static const char *many(const char *before, const char *what, size_t count)
{
    static char text[65536];
    size_t length = strlen(before);

    strcpy(text, before);
    for (size_t i = 0; i < count; i++, length += strlen(what)) {
        assert_true(length + strlen(what) < sizeof text);
        strcpy(text + length, what);
    }
    return text;
}

static void a_text_has_an_end(void **state)
{
    struct unit *unit = *state;
    struct rules_place place;
    struct rules rules;

    assert_true(read_text(unit, many("any", " ", RULES_TEXT_BYTES - 3), &rules, &place));
    assert_wrong(unit, many("any", " ", RULES_TEXT_BYTES - 2), 1, 1, "at most 4096 bytes");
    assert_true(read_text(unit, many("", "any\n", RULES_ROWS_MAX), &rules, &place));
    assert_int_equal(rules.rows, RULES_ROWS_MAX);
    assert_wrong(unit, many("", "any\n", RULES_ROWS_MAX + 1), RULES_ROWS_MAX + 1, 1, "at most 64 rows");
    assert_true(read_text(unit, many("group:a", " group:a", RULES_TERMS_MAX - 1), &rules, &place));
    assert_wrong(unit, many("group:a", " group:a", RULES_TERMS_MAX), 1, 8 * RULES_TERMS_MAX + 1, "at most 256 terms");
    assert_true(read_text(unit, many("user:a", ",a", RULES_VALUES_MAX - 1), &rules, &place));
    assert_wrong(unit, many("user:a", ",a", RULES_VALUES_MAX), 1, 6 + 2 * RULES_VALUES_MAX, "at most 512 values");
    assert_true(read_text(unit, many("group:", "a", 64), &rules, &place));
    assert_wrong(unit, many("group:", "a", 65), 1, 7, "1 to 64 of");
    assert_true(read_text(unit, many("user:", "\xC3\xA4", 254), &rules, &place));
    assert_wrong(unit, many("user:", "\xC3\xA4", 255), 1, 6, "a username or an e-mail address");
}

static void a_long_word_is_shown_as_far_as_it_helps(void **state)
{
    struct unit *unit = *state;

    assert_wrong(unit, many("x", "\xC3\xA4", 1000), 1, 1, "\xC3\xA4...'");
    assert_wrong(unit, many("user:%", "\xF0\x9F\x8C\xB1", 500), 1, 6, "...'");
}

static void users_are_told_one_after_the_other(void **state)
{
    static const char *const names[] = {"ann", "bob", "cem"};
    static const size_t at[] = {5, 35, 39};
    struct unit *unit = *state;
    struct rules_value *user = NULL;
    struct rules_place place;
    struct rules rules;

    assert_true(read_text(unit, "user:ann group:user | any \n   user:bob,cem", &rules, &place));
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_non_null(user = rules_next_user(&rules, user));
        assert_string_equal(user->text, names[i]);
        assert_int_equal(user->at, at[i]);
        assert_false(user->known);
    }
    assert_null(rules_next_user(&rules, user));
}

/* --- mayfly-rules(5) */

static void each_example_of_the_manual_is_read(void **state)
{
    struct unit *unit = *state;
    FILE *file = fopen(RULES_MANUAL, "re");
    char page[32768], *example = page;
    size_t length;
    int count = 0;

    assert_non_null(file);
    length = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    page[length] = '\0';
    assert_non_null(strstr(page, ".Sh EXAMPLES"));
    while ((example = strstr(example, ".Bd -literal -offset indent\n")) != NULL) {
        char *begin = strchr(example, '\n') + 1, *end = strstr(begin, ".Ed\n");
        struct rules_place place;
        struct rules rules;

        assert_non_null(end);
        assert_granted(rules_read(&unit->arena, begin, (size_t)(end - begin), &rules, &place, &unit->err), &unit->err);
        example = end;
        count++;
    }
    assert_true(count >= 4);
    for (int kind = RULES_PUBLIC; kind <= RULES_METHOD; kind++) {
        char item[64];

        snprintf(item, sizeof item, "\n.It Ic %s%s", rules_kind_name((enum rules_kind)kind),
                 rules_kind_has_values((enum rules_kind)kind) ? " : Ns Ar " : "\n");
        assert_contains(page, item);
    }
    assert_null(rules_kind_name((enum rules_kind)(RULES_METHOD + 1)));
    assert_contains(page, "up to 4096 bytes, 64 rows, 256 terms and 512 values");
}

static void without_memory_nothing_is_read(void **state)
{
    struct unit *unit = *state;
    struct rules_place place;
    struct rules rules;
    bool ok = false;

    for (size_t limit = 0; !ok; limit += 64) {
        assert_true(limit < 262144);
        arena_free(&unit->arena);
        arena_init(&unit->arena, limit);
        ok = read_text(unit, "user:ann group:staff path:/a/ method:GET", &rules, &place);
        if (!ok)
            assert_string_equal(unit->err.detail, "out of memory");
        assert_int_equal(rules.rows, ok ? 1 : 0);
        err_clear(&unit->err);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(rows_stand_between_bars_or_ends_of_lines),
        PROMISE(a_comment_ends_with_its_line),
        PROMISE(values_stand_between_commas),
        PROMISE(what_the_grammar_uses_itself_is_written_by_its_number),
        PROMISE(a_term_that_is_none_is_named_with_its_place),
        PROMISE(nothing_is_no_rule),
        PROMISE(a_value_that_is_none_is_refused),
        PROMISE(each_row_says_who_passes),
        PROMISE(terms_that_can_never_hold_together_are_refused),
        PROMISE(what_is_no_text_is_refused),
        PROMISE(a_text_has_an_end),
        PROMISE(a_long_word_is_shown_as_far_as_it_helps),
        PROMISE(users_are_told_one_after_the_other),
        PROMISE(each_example_of_the_manual_is_read),
        PROMISE(without_memory_nothing_is_read),
    };

    return KEEP_PROMISES(promises);
}
