/* The words of nginx's language: as nginx splits them, and where a text that it would not take is wrong. */
#include "base/buf.h"
#include "ctl/nginx_words.h"

#include "unit.h"

static struct nginx_reader reader_of(struct unit *unit, const char *text, size_t length)
{
    return (struct nginx_reader){
        .arena = &unit->arena, .file = "nginx.conf", .text = text, .length = length, .line = 1};
}

/* "[word][word]; " and the like, a directive each, or NULL with an error. */
static const char *shown(struct unit *unit, const char *text)
{
    static struct nginx_words words;
    static const char *const ends[] = {";", "{", "}", "."};
    size_t length = strlen(text);
    char *exact = unit_exact(text, length);
    struct nginx_reader reader = reader_of(unit, exact, length);
    struct buf out;
    bool ok;

    buf_init(&out, &unit->arena, 65536);
    do {
        ok = nginx_words_read(&reader, &words, &unit->err);
        for (int i = 0; ok && i < words.count; i++)
            assert_true(buf_printf(&out, "[%s]", words.words[i]));
        if (ok)
            assert_true(buf_add_string(&out, ends[words.end]));
    } while (ok && words.end != NGINX_TEXT_ENDS);
    free(exact);
    return ok ? out.bytes : NULL;
}

static void assert_words(struct unit *unit, const char *text, const char *as)
{
    const char *got = shown(unit, text);

    if (got == NULL)
        fail_msg("%s: %s", text, unit->err.detail);
    assert_string_equal(got, as);
}

static void assert_wrong(struct unit *unit, const char *text, const char *says)
{
    assert_refused(shown(unit, text) != NULL, &unit->err, ERR_INPUT, says);
}

static void words_stand_between_spaces(void **state)
{
    struct unit *unit = *state;

    assert_words(unit, "", ".");
    assert_words(unit, " a  b\tc\r\n d;e;", "[a][b][c][d];[e];.");
    assert_words(unit, "server{listen 80;}", "[server]{[listen][80];}.");
    assert_words(unit, "a b}c;", "[a][b}c];.");
}

static void a_comment_begins_where_a_word_may(void **state)
{
    struct unit *unit = *state;

    assert_words(unit, "# all ; { \" of it\na b#c # d\n e;#f", "[a][b#c][e];.");
}

static void quotes_count_at_the_beginning_of_a_word(void **state)
{
    struct unit *unit = *state;

    assert_words(unit, "a \"b ; { } # 'c\" 'd \"e\n';", "[a][b ; { } # 'c][d \"e\n];.");
    assert_words(unit, "a b\"c 'd';", "[a][b\"c][d];.");
    assert_words(unit, "a \"\";", "[a][];.");
    assert_words(unit, "if ($a = \"b\") {}", "[if][($a][=][b][)]{}.");
    assert_wrong(unit, "a \"b\"c;", ":1: behind closing quotes a space");
    assert_wrong(unit, "a\n\"b;\n\n", ":2: the quotes that begin here are not closed");
}

static void a_backslash_keeps_a_character_from_meaning_anything(void **state)
{
    struct unit *unit = *state;

    assert_words(unit, "a b\\ c \\;d \\{e \\\"f 'g\\'h';", "[a][b\\ c][\\;d][\\{e][\"f][g'h];.");
    assert_words(unit, "a \\.php$ \\\\ \\t \\n;", "[a][\\.php$][\\][\t][\n];.");
    assert_wrong(unit, "a\\", ":1: the text ends inside a word");
}

static void a_brace_behind_a_dollar_is_a_variables(void **state)
{
    struct unit *unit = *state;

    assert_words(unit, "a ${b}c$ {d ;", "[a][${b}c$]{[d];.");
    assert_words(unit, "a b${c}{}", "[a][b${c}]{}.");
}

static void what_nginx_would_not_take_is_told_with_its_line(void **state)
{
    struct unit *unit = *state;
    char longest[NGINX_WORD_BYTES + 2];

    assert_wrong(unit, ";", ":1: unexpected ;");
    assert_wrong(unit, "a;\n{", ":2: unexpected {");
    assert_wrong(unit, "a\nb }", ":1: a ; is missing before }");
    assert_wrong(unit, "a;\nb c", ":2: the text ends inside of a directive; a ; is missing");
    assert_wrong(unit, "a \x1b[2J;", ":1: there is a control character");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_wrong(unit, longest, ":1: a word is longer than nginx takes");
}

static void a_directive_has_an_end_of_words(void **state)
{
    struct unit *unit = *state;
    struct buf text;

    buf_init(&text, &unit->arena, 65536);
    for (int i = 0; i <= NGINX_WORDS_MAX; i++)
        assert_true(buf_add_string(&text, "a "));
    assert_wrong(unit, text.bytes, ":1: the directive has too many words");
}

/* The words behind a block of Lua, whose first { was read. */
static const char *behind_lua(struct unit *unit, const char *text)
{
    size_t length = strlen(text);
    char *exact = unit_exact(text, length);
    struct nginx_reader reader = reader_of(unit, exact, length);
    const char *rest = NULL;

    if (nginx_lua_skip(&reader, &unit->err))
        rest = arena_strdup(&unit->arena, text + reader.at);
    free(exact);
    return rest;
}

static void a_block_of_lua_ends_at_its_own_brace(void **state)
{
    struct unit *unit = *state;

    assert_string_equal(behind_lua(unit, "}a;"), "a;");
    assert_string_equal(behind_lua(unit, "x = {1, {2}} }a;"), "a;");
    assert_string_equal(behind_lua(unit, "-- }\n x = '}\\'}' .. \"}\" }a;"), "a;");
    assert_string_equal(behind_lua(unit, "--[[ } ]] x = [==[ } ]] ]=] ]==] }a;"), "a;");
    assert_refused(behind_lua(unit, "\n{ }") != NULL, &unit->err, ERR_INPUT, ":1: a block of Lua does not end");
    assert_refused(behind_lua(unit, "--[[ }") != NULL, &unit->err, ERR_INPUT, "does not end");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(words_stand_between_spaces),
        PROMISE(a_comment_begins_where_a_word_may),
        PROMISE(quotes_count_at_the_beginning_of_a_word),
        PROMISE(a_backslash_keeps_a_character_from_meaning_anything),
        PROMISE(a_brace_behind_a_dollar_is_a_variables),
        PROMISE(what_nginx_would_not_take_is_told_with_its_line),
        PROMISE(a_directive_has_an_end_of_words),
        PROMISE(a_block_of_lua_ends_at_its_own_brace),
    };

    return KEEP_PROMISES(promises);
}
