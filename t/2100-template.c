/* Templates: nothing gets out unescaped, and a wrong template is an error instead of a wrong page. */
#include "unit.h"

#include "base/buf.h"
#include "http/template.h"

static const struct template_page parts[] = {
    {"item", "<{{name}}>"},
    {"loop", "{{> loop}}"},
    {"outer", "[{{> item}}]"},
};

/* Renders text as a page beside the parts; the output lives until the next call. */
static const char *render(struct unit *unit, size_t max_bytes, const char *text, const char *json)
{
    struct template_page pages[1 + COUNT(parts)] = {{"page", text}};
    const struct template_set set = {pages, COUNT(pages)};
    json_t *values = json_loads(json, 0, NULL);
    struct buf out;
    bool ok;

    assert_non_null(values);
    memcpy(pages + 1, parts, sizeof parts);
    arena_reset(&unit->arena);
    buf_init(&out, &unit->arena, max_bytes);
    ok = template_render(&set, "page", values, &out, &unit->err);
    json_decref(values);
    assert_true(out.length <= max_bytes);
    return ok ? out.bytes : NULL;
}

static void shows(struct unit *unit, const char *text, const char *json, const char *expected)
{
    const char *shown = render(unit, 4096, text, json);

    assert_granted(shown != NULL, &unit->err);
    assert_string_equal(shown, expected);
}

static void fails(struct unit *unit, const char *text, const char *json, const char *why)
{
    assert_refused(render(unit, 4096, text, json) != NULL, &unit->err, ERR_BUG, why);
}

static void text_is_copied(void **state)
{
    shows(*state, "", "{}", "");
    shows(*state, "a { b } {c} } }}\n", "{}", "a { b } {c} } }}\n");
    shows(*state, "a{{! gone }}b", "{}", "ab");
    shows(*state, "\xC3\xA9 {{x}}", "{\"x\": \"\\u00fc\"}", "\xC3\xA9 \xC3\xBC");
}

static void values_are_escaped(void **state)
{
    shows(*state, "{{x}}", "{\"x\": \"&<>\\\"'\"}", "&amp;&lt;&gt;&quot;&#39;");
    shows(*state, "{{x}}", "{\"x\": \"<script>alert(1)</script>\"}", "&lt;script&gt;alert(1)&lt;/script&gt;");
    shows(*state, "<a b=\"{{x}}\">", "{\"x\": \"\\\" onclick=\\\"y\"}", "<a b=\"&quot; onclick=&quot;y\">");
    shows(*state, "{{#l}}{{.}}{{/l}}", "{\"l\": [\"a&b\", \"<\"]}", "a&amp;b&lt;");
    shows(*state, "{{> item}}", "{\"name\": \"<&\"}", "<&lt;&amp;>");
    shows(*state, "{{a.b}}", "{\"a\": {\"b\": \"'\"}}", "&#39;");
    shows(*state, "{{x}}", "{\"x\": \"{{y}}\", \"y\": \"twice\"}", "{{y}}");
    fails(*state, "{{{x}}}", "{\"x\": \"<\"}", "not a name");
    fails(*state, "{{& x}}", "{\"x\": \"<\"}", "not a name");
}

static void names_are_looked_up(void **state)
{
    shows(*state, "[{{x}}][{{ x }}]", "{\"x\": 42}", "[42][42]");
    shows(*state, "[{{x}}]", "{\"x\": -9223372036854775808}", "[-9223372036854775808]");
    shows(*state, "[{{nobody}}][{{a.nobody}}][{{a.b.c}}][{{x.y}}]", "{\"a\": {\"b\": {}}, \"x\": \"text\"}",
          "[][][][]");
    shows(*state, "[{{t}}{{f}}{{n}}{{o}}{{l}}]", "{\"t\": true, \"f\": false, \"n\": null, \"o\": {}, \"l\": [1]}",
          "[]");
    shows(*state, "[{{x}}]", "[]", "[]");
    shows(*state, "{{a.b.c}}", "{\"a\": {\"b\": {\"c\": \"deep\"}}}", "deep");
    /* A dotted name does not fall back to another a. */
    shows(*state, "{{#s}}[{{a.c}}]{{/s}}", "{\"a\": {\"c\": \"outer\"}, \"s\": {\"a\": {\"b\": 1}}}", "[]");
    shows(*state, "[{{a.}}][{{.a}}][{{a..b}}]", "{\"a\": {\"b\": \"x\"}}", "[][][]");
}

static void sections_follow_values(void **state)
{
    static const char *const empty[] = {"{}",         "{\"x\": null}", "{\"x\": false}",
                                        "{\"x\": 0}", "{\"x\": \"\"}", "{\"x\": []}"};
    static const char *const full[] = {"{\"x\": true}",  "{\"x\": 1}",    "{\"x\": 0.5}",
                                       "{\"x\": \"t\"}", "{\"x\": [{}]}", "{\"x\": {}}"};

    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
        shows(*state, "{{#x}}yes{{/x}}{{^x}}no{{/x}}", empty[i], "no");
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++)
        shows(*state, "{{#x}}yes{{/x}}{{^x}}no{{/x}}", full[i], "yes");
    shows(*state, "{{#l}}<{{n}}{{o}}>{{/l}}", "{\"o\": \"!\", \"l\": [{\"n\": 1}, {\"n\": 2, \"o\": \"?\"}]}",
          "<1!><2?>");
    shows(*state, "{{#l}}{{#l}}{{.}}{{/l}}{{/l}}", "{\"l\": [{\"l\": [1, 2]}, {\"l\": [3]}]}", "123");
    shows(*state, "{{#no}}{{#no}}x{{/no}}{{> loop}}{{/no}}y", "{}", "y");
    shows(*state, "{{#a.b}}{{c}}{{/a.b}}", "{\"a\": {\"b\": {\"c\": \"in\"}}}", "in");
}

static void partials_see_the_same_values(void **state)
{
    shows(*state, "{{#l}}{{> outer}}{{/l}}{{>item}}", "{\"name\": \"top\", \"l\": [{\"name\": \"a\"}, {}]}",
          "[<a>][<top>]<top>");
    fails(*state, "{{> nothere}}", "{}", "there is no such page");
    fails(*state, "{{> ite}}", "{}", "there is no such page");
    fails(*state, "{{> items}}", "{}", "there is no such page");
}

static void wrong_templates_are_errors(void **state)
{
    fails(*state, "{{#x}}a", "{\"x\": [1]}", "not closed");
    fails(*state, "{{#x}}a", "{}", "not closed");
    fails(*state, "{{^x}}a", "{}", "not closed");
    fails(*state, "a{{/x}}", "{}", "closes what is not open");
    fails(*state, "{{#x}}{{#y}}{{/x}}{{/y}}", "{}", "closes what is not open");
    fails(*state, "{{#x}}{{/xy}}", "{}", "closes what is not open");
    fails(*state, "a {{x", "{}", "does not end");
    fails(*state, "a {{", "{}", "does not end");
    fails(*state, "{{! a", "{}", "does not end");
    fails(*state, "{{}}", "{}", "not a name");
    fails(*state, "{{#}}", "{}", "not a name");
    fails(*state, "{{a b}}", "{}", "not a name");
    fails(*state, "{{=<% %>=}}", "{}", "not a name");
    fails(*state, "{{#no}}{{a b}}{{/no}}", "{}", "not a name");
}

/* The text nests sections `depth` deep around an x. The page itself is one level. */
static const char *nested(char *text, int depth)
{
    text[0] = '\0';
    for (int i = 0; i < depth; i++)
        strcat(text, "{{#a}}");
    strcat(text, "x");
    for (int i = 0; i < depth; i++)
        strcat(text, "{{/a}}");
    return text;
}

static void nesting_has_an_end(void **state)
{
    char text[TEMPLATE_MAX_DEPTH * 12 + 2];

    shows(*state, nested(text, TEMPLATE_MAX_DEPTH - 1), "{\"a\": true}", "x");
    shows(*state, nested(text, TEMPLATE_MAX_DEPTH - 1), "{}", "");
    fails(*state, nested(text, TEMPLATE_MAX_DEPTH), "{\"a\": true}", "nested too deeply");
    fails(*state, nested(text, TEMPLATE_MAX_DEPTH), "{}", "nested too deeply");
    fails(*state, "{{> loop}}", "{}", "page page: {{loop}}: nested too deeply");
}

static void fits(struct unit *unit, const char *text, const char *json, const char *expected)
{
    const char *shown = render(unit, 10, text, json);

    assert_granted(shown != NULL, &unit->err);
    assert_string_equal(shown, expected);
}

static void is_too_long(struct unit *unit, const char *text, const char *json)
{
    assert_refused(render(unit, 10, text, json) != NULL, &unit->err, ERR_BUG, "page page: longer than 10 bytes");
}

static void output_has_a_limit(void **state)
{
    fits(*state, "{{x}}", "{\"x\": \"0123456789\"}", "0123456789");
    fits(*state, "{{x}}", "{\"x\": \"&&\"}", "&amp;&amp;");
    fits(*state, "{{x}}", "{\"x\": 1234567890}", "1234567890");
    is_too_long(*state, "{{x}}", "{\"x\": \"0123456789a\"}");
    is_too_long(*state, "{{x}}", "{\"x\": \"&&<\"}");
    is_too_long(*state, "{{x}}", "{\"x\": 12345678901}");
    is_too_long(*state, "{{#l}}0123{{/l}}", "{\"l\": [1, 2, 3]}");
    is_too_long(*state, "0123456789a", "{}");
}

static void memory_can_be_out(void **state)
{
    struct unit *unit = *state;

    arena_free(&unit->arena);
    arena_init(&unit->arena, 1024);
    fails(unit, "{{#l}}{{#l}}{{#l}}{{#l}}0123456789{{/l}}{{/l}}{{/l}}{{/l}}", "{\"l\": [1, 2, 3, 4, 5, 6]}", "memory");
}

/* Our own pages: with nothing known and with everything that opens a section, each is whole. */
static void compiled_pages_are_whole(void **state)
{
    static const char full[] =
        "{\"title\": \"T\", \"user\": {\"username\": \"u\", \"name\": \"n\", \"email\": \"e\", \"display\": \"d\","
        " \"groups\": [\"g\"]}, \"csrf\": \"c\", \"worker\": \"a/1\", \"request_id\": \"r\", \"notice\": \"n\","
        " \"error\": {\"title\": \"t\", \"detail\": \"d\", \"field\": \"f\"}, \"retry_after\": 1, \"rd\": \"/\","
        " \"username\": \"u\", \"email\": \"e\", \"name\": \"n\", \"remember\": true, \"data\": \"{}\","
        " \"profile_data\": \"{}\", \"others\": 1, \"sessions\": [{\"current\": true}, {\"device\": \"d\"}]}";
    struct unit *unit = *state;
    json_t *values[] = {json_object(), json_loads(full, 0, NULL)};

    for (size_t i = 0; i < template_pages.count * COUNT(values); i++) {
        struct buf out;

        assert_non_null(values[i % COUNT(values)]);
        buf_init(&out, &unit->arena, 32 * 1024);
        assert_granted(template_render(&template_pages, template_pages.pages[i / COUNT(values)].name,
                                       values[i % COUNT(values)], &out, &unit->err),
                       &unit->err);
        assert_null(strstr(out.bytes, "{{"));
    }
    for (size_t i = 0; i < COUNT(values); i++)
        json_decref(values[i]);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(text_is_copied),           PROMISE(values_are_escaped),           PROMISE(names_are_looked_up),
        PROMISE(sections_follow_values),   PROMISE(partials_see_the_same_values), PROMISE(wrong_templates_are_errors),
        PROMISE(nesting_has_an_end),       PROMISE(output_has_a_limit),           PROMISE(memory_can_be_out),
        PROMISE(compiled_pages_are_whole),
    };

    return KEEP_PROMISES(promises);
}
