/* What nginx -T prints, as a tree: files behind their names, includes where they stand, and bounds. */
#include "base/buf.h"
#include "ctl/nginx_config.h"

#include "unit.h"

static bool load(struct unit *unit, const char *text, struct nginx_config *config)
{
    /* The tree borrows the text. */
    char *copy = arena_strdup(&unit->arena, text);

    assert_non_null(copy);
    return nginx_config_read(&unit->arena, copy, strlen(copy), "given.conf", config, &unit->err);
}

static void show(struct buf *out, const struct nginx_directive *block)
{
    for (const struct nginx_directive *one = block->first; one != NULL; one = one->next) {
        assert_ptr_equal(one->parent, block);
        for (int i = 0; i < one->count; i++)
            assert_true(buf_printf(out, "%s%s", i > 0 ? " " : "", one->words[i]));
        assert_true(buf_printf(out, "@%s:%d%s", nginx_file_name(one), one->line, one->is_block ? "{" : ";"));
        show(out, one);
        if (one->is_block)
            assert_true(buf_add_string(out, "}"));
    }
}

static void assert_tree(struct unit *unit, const char *text, const char *as)
{
    struct nginx_config config;
    struct buf out;

    buf_init(&out, &unit->arena, 65536);
    if (!load(unit, text, &config))
        fail_msg("%s", unit->err.detail);
    show(&out, &config.root);
    assert_string_equal(out.bytes, as);
}

static void assert_wrong(struct unit *unit, const char *text, const char *says)
{
    struct nginx_config config;

    assert_refused(load(unit, text, &config), &unit->err, ERR_INPUT, says);
}

static void directives_have_a_file_and_a_line(void **state)
{
    struct unit *unit = *state;

    assert_tree(unit, "a b;\nc {\n d;}\n", "a b@given.conf:1;c@given.conf:2{d@given.conf:3;}");
    assert_tree(unit, "# configuration file /etc/nginx/nginx.conf:\n\na;\n\n", "a@nginx.conf:2;");
}

static void an_included_file_stands_where_it_is_included(void **state)
{
    struct unit *unit = *state;

    assert_tree(
        unit,
        "nginx: the configuration file x syntax is ok\n"
        "# configuration file /n/nginx.conf:\nhttp {\ninclude c/*.conf;\ninclude s/one;\nz;\n}\n"
        "# configuration file /n/c/b.conf:\nb;\n"
        "# configuration file /n/c/a.conf:\na {\n include /n/s/one; }\n"
        "# configuration file /n/c/.c.conf:\nno;\n"
        "# configuration file /n/s/one:\none;\n",
        "http@nginx.conf:1{include c/*.conf@nginx.conf:2;a@a.conf:1{include /n/s/one@a.conf:2;one@one:1;}b@b.conf:1;"
        "include s/one@nginx.conf:3;one@one:1;z@nginx.conf:4;}");
}

static void a_directive_knows_the_include_that_brought_it(void **state)
{
    struct unit *unit = *state;
    const struct nginx_directive *block, *one;
    struct nginx_config config;

    assert_granted(
        load(unit,
             "# configuration file /n/nginx.conf:\na {\n include x; }\n# configuration file /n/x:\n include y;\n"
             "# configuration file /n/y:\ny;\n",
             &config),
        &unit->err);
    block = nginx_next(&config.root, NULL, "a");
    one = nginx_next(block, NULL, "y");
    assert_string_equal(one->via->file, "/n/x");
    assert_int_equal(one->via->via->line, 2);
    assert_null(one->via->via->via);
    assert_ptr_equal(one->parent, block);
}

static void the_nearest_level_counts(void **state)
{
    struct unit *unit = *state;
    const struct nginx_directive *a, *b, *c;
    struct nginx_config config;

    assert_granted(load(unit, "x 0; a { x 1; x 2; b { y; } c { x 3; } }", &config), &unit->err);
    a = nginx_next(&config.root, NULL, "a");
    b = nginx_next(a, NULL, "b");
    c = nginx_next(a, NULL, "c");
    assert_string_equal(nginx_word(nginx_in_force(b, "x"), 1), "2");
    assert_string_equal(nginx_word(nginx_in_force(c, "x"), 1), "3");
    assert_string_equal(nginx_word(nginx_in_force(&config.root, "x"), 1), "0");
    assert_null(nginx_in_force(c, "z"));
    assert_string_equal(nginx_word(nginx_in_force(c, "x"), 7), "");
}

static void lua_is_left_out(void **state)
{
    struct unit *unit = *state;

    assert_tree(unit, "content_by_lua_block { a = {} -- }\n}\nb;",
                "content_by_lua_block@given.conf:1{}b@given.conf:3;");
}

static void what_can_not_be_read_is_told_with_its_place(void **state)
{
    struct unit *unit = *state;

    assert_wrong(unit, "a {\nb;\n", "given.conf:1: the block that begins here does not end");
    assert_wrong(unit, " # a;\n", "given.conf: there is no configuration in it");
    assert_wrong(unit, "a;\n}", "given.conf:2: unexpected }");
    assert_wrong(unit, "a;\ninclude b;", "given.conf:2: the included file is not here; give what nginx -T prints");
    assert_wrong(unit, "# configuration file /n/a:\ninclude b;\n",
                 "/n/a:1: the included file is not in what nginx -T has printed");
    assert_wrong(unit, "# configuration file /n/a:\ninclude b c;\n", "/n/a:1: include wants one name");
    assert_wrong(unit, "# configuration file /n/a:\n# configuration file /n/b:\n# configuration file /n/a:\n",
                 "/n/a is there twice");
    assert_wrong(unit, "# configuration file /n/a:\nb {\n# configuration file /n/b:\n}\n", "/n/a:1: the block");
}

static void nothing_is_without_end(void **state)
{
    struct unit *unit = *state;
    struct nginx_config config;
    struct buf deep, many;
    char name[64];

    assert_wrong(unit, "# configuration file /n/a:\ninclude a;\n", "/n/a:1: files include each other too deeply");
    buf_init(&deep, &unit->arena, 65536);
    for (int i = 0; i <= NGINX_DEPTH_MAX; i++)
        assert_true(buf_add_string(&deep, "a {"));
    assert_wrong(unit, deep.bytes, ":1: blocks are nested too deeply");
    arena_free(&unit->arena);
    arena_init(&unit->arena, NGINX_ARENA_BYTES);
    /* Each includes the next one eight times. */
    buf_init(&many, &unit->arena, 65536);
    for (int i = 0; i < NGINX_INCLUDES_MAX - 1; i++) {
        snprintf(name, sizeof name, "# configuration file /n/%02d:\n", i);
        assert_true(buf_add_string(&many, name));
        for (int k = 0; k < 8 && i < NGINX_INCLUDES_MAX - 2; k++)
            assert_true(buf_printf(&many, "include %02d;\n", i + 1));
    }
    assert_refused(load(unit, many.bytes, &config), &unit->err, ERR_INPUT, "there are more than");
}

static void patterns_match_as_a_shells(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } rows[] = {
        {"/n/*.conf", "/n/a.conf", true},
        {"/n/*.conf", "/n/a/b.conf", false},
        {"/n/*.conf", "/n/.a.conf", false},
        {"/n/.*", "/n/.a", true},
        {"/n/*", "/n/", true},
        {"/n/*/*.c", "/n/ab/x.c.c", true},
        {"/n/a*b*c", "/n/axxbxxbc", true},
        {"/n/a*b*c", "/n/axxbxxbcd", false},
        {"/n/?.c", "/n/a.c", true},
        {"/n/?.c", "/n//.c", false},
        {"/n/?a", "/n/.a", false},
        {"/n/[.]a", "/n/.a", false},
        {"/n/[a-c]x", "/n/bx", true},
        {"/n/[!a-c]x", "/n/bx", false},
        {"/n/[^.#]*", "/n/site", true},
        {"/n/[^.#]*", "/n/#site", false},
        {"/n/[a", "/n/[a", true},
        {"/n/**", "/n/ab", true},
        {"/n/*/x", "/n/a/b/x", false},
        {"/n/[]]", "/n/]", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (nginx_files_match(rows[i].pattern, rows[i].path) != rows[i].matches)
            fail_msg("%s and %s", rows[i].pattern, rows[i].path);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(directives_have_a_file_and_a_line),
        PROMISE(an_included_file_stands_where_it_is_included),
        PROMISE(a_directive_knows_the_include_that_brought_it),
        PROMISE(the_nearest_level_counts),
        PROMISE(lua_is_left_out),
        PROMISE(what_can_not_be_read_is_told_with_its_place),
        PROMISE(nothing_is_without_end),
        PROMISE(patterns_match_as_a_shells),
    };

    return KEEP_PROMISES(promises);
}
