/* Templates: nothing gets out unescaped, and a wrong template is an error instead of a wrong page. */
#include "http/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { OUT_MAX = 64 * 1024 };

static const struct template parts[] = {
    {"item", "<{{name}}>"},
    {"loop", "{{> loop}}"},
    {"outer", "[{{> item}}]"},
};

struct fixture {
    struct arena arena;
    struct buf out;
    struct err err;
    json_t *values;
};

static bool render(struct fixture *f, const char *text, const char *json)
{
    struct template templates[1 + sizeof parts / sizeof parts[0]] = {{"page", text}};
    const struct template_set set = {templates, sizeof templates / sizeof templates[0]};
    size_t max_bytes = f->out.max_bytes;
    json_error_t error;

    memcpy(templates + 1, parts, sizeof parts);
    json_decref(f->values);
    f->values = json_loads(json, 0, &error);
    assert_non_null(f->values);
    arena_reset(&f->arena);
    buf_init(&f->out, &f->arena, max_bytes);
    err_clear(&f->err);
    return template_render(&set, "page", f->values, &f->out, &f->err);
}

static void shows(struct fixture *f, const char *text, const char *json, const char *expected)
{
    assert_true(render(f, text, json));
    assert_string_equal(f->out.bytes, expected);
}

static void fails(struct fixture *f, const char *text, const char *json, const char *why)
{
    assert_false(render(f, text, json));
    assert_int_equal(f->err.kind, ERR_BUG);
    assert_non_null(strstr(f->err.detail, "page page: "));
    assert_non_null(strstr(f->err.detail, why));
}

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.values = NULL};
    arena_init(&fixture.arena, 8 * OUT_MAX);
    buf_init(&fixture.out, &fixture.arena, OUT_MAX);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    json_decref(f->values);
    arena_free(&f->arena);
    return 0;
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
    shows(*state, "[{{nobody}}][{{a.nobody}}][{{a.b.c}}][{{x.y}}]", "{\"a\": {\"b\": {}}, \"x\": \"text\"}", "[][][][]");
    shows(*state, "[{{t}}{{f}}{{n}}{{o}}{{l}}]", "{\"t\": true, \"f\": false, \"n\": null, \"o\": {}, \"l\": [1]}", "[]");
    shows(*state, "[{{x}}]", "[]", "[]");
    shows(*state, "{{a.b.c}}", "{\"a\": {\"b\": {\"c\": \"deep\"}}}", "deep");
    /* A dotted name does not fall back to another a. */
    shows(*state, "{{#s}}[{{a.c}}]{{/s}}", "{\"a\": {\"c\": \"outer\"}, \"s\": {\"a\": {\"b\": 1}}}", "[]");
    shows(*state, "[{{a.}}][{{.a}}][{{a..b}}]", "{\"a\": {\"b\": \"x\"}}", "[][][]");
}

static void sections_follow_values(void **state)
{
    static const char *const empty[] = {"{}", "{\"x\": null}", "{\"x\": false}", "{\"x\": 0}", "{\"x\": \"\"}",
                                        "{\"x\": []}"};
    static const char *const full[] = {"{\"x\": true}", "{\"x\": 1}", "{\"x\": 0.5}", "{\"x\": \"t\"}", "{\"x\": [{}]}",
                                       "{\"x\": {}}"};

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
    assert_false(render(*state, "{{> loop}}", "{}"));
    assert_string_equal(((struct fixture *)*state)->err.detail, "page page: {{loop}}: nested too deeply");
}

static void output_has_a_limit(void **state)
{
    struct fixture *f = *state;

    f->out.max_bytes = 10;
    shows(f, "{{x}}", "{\"x\": \"0123456789\"}", "0123456789");
    shows(f, "{{x}}", "{\"x\": \"&&\"}", "&amp;&amp;");
    shows(f, "{{x}}", "{\"x\": 1234567890}", "1234567890");
    fails(f, "{{x}}", "{\"x\": \"0123456789a\"}", "longer than 10 bytes");
    fails(f, "{{x}}", "{\"x\": \"&&<\"}", "longer than 10 bytes");
    fails(f, "{{x}}", "{\"x\": 12345678901}", "longer than 10 bytes");
    fails(f, "{{#l}}0123{{/l}}", "{\"l\": [1, 2, 3]}", "longer than 10 bytes");
    fails(f, "0123456789a", "{}", "longer than 10 bytes");
    assert_true(f->out.length <= 10);
}

static void memory_can_be_out(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    arena_init(&f->arena, 1024);
    fails(f, "{{#l}}{{#l}}{{#l}}{{#l}}0123456789{{/l}}{{/l}}{{/l}}{{/l}}", "{\"l\": [1, 2, 3, 4, 5, 6]}", "memory");
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
    struct fixture *f = *state;
    json_error_t error;

    f->values = json_loads(full, 0, &error);
    assert_non_null(f->values);
    for (size_t i = 0; i < template_pages.count; i++) {
        json_t *empty = json_object();

        arena_reset(&f->arena);
        buf_init(&f->out, &f->arena, OUT_MAX);
        if (!template_render(&template_pages, template_pages.templates[i].name, f->values, &f->out, &f->err) ||
            !template_render(&template_pages, template_pages.templates[i].name, empty, &f->out, &f->err))
            fail_msg("%s", f->err.detail);
        assert_null(strstr(f->out.bytes, "{{"));
        json_decref(empty);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(text_is_copied),
        TEST(values_are_escaped),
        TEST(names_are_looked_up),
        TEST(sections_follow_values),
        TEST(partials_see_the_same_values),
        TEST(wrong_templates_are_errors),
        TEST(nesting_has_an_end),
        TEST(output_has_a_limit),
        TEST(memory_can_be_out),
        TEST(compiled_pages_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
