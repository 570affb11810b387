/* Documents as trees: read as strictly as jansson does, merged as RFC 7396 says, written as PostgreSQL's jsonb writes them. */
#include "base/jsonb.h"

#include "base/buf.h"
#include "http/json.h"
#include "unit.h"

enum { MOST = 65536, ROUNDS = 3000, TEXT_MAX = 4096 };

static struct arena arena;

static bool reads(const char *text, struct jsonb **value, struct err *err)
{
    err_clear(err);
    return jsonb_read(&arena, text, strlen(text), MOST, value, err);
}

static const char *written(const char *text)
{
    struct jsonb *value;
    struct err err;
    const char *out;

    if (!reads(text, &value, &err))
        return err.detail[0] != '\0' ? arena_strdup(&arena, err.detail) : "?";
    out = jsonb_write(&arena, value);
    assert_int_equal(strlen(out), jsonb_size(value));
    return out;
}

static const char *merged(const char *target, const char *patch)
{
    struct jsonb *one = NULL, *other;
    struct err err;

    assert_true(target == NULL || reads(target, &one, &err));
    assert_true(reads(patch, &other, &err));
    return jsonb_write(&arena, jsonb_merge(one, other));
}

static void the_table_of_rfc_7396_holds(void **state)
{
    /* Appendix A. A document of ours is an object, so those whose patch is another value stand inside of one. */
    static const char *const table[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\": \"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\": \"b\", \"b\": \"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\": \"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\": \"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\": [\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\": {\"b\": \"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\": [1]}"},
        {"{\"x\":[\"a\",\"b\"]}", "{\"x\":[\"c\",\"d\"]}", "{\"x\": [\"c\", \"d\"]}"},
        {"{\"x\":{\"a\":\"b\"}}", "{\"x\":[\"c\"]}", "{\"x\": [\"c\"]}"},
        {"{\"x\":{\"a\":\"foo\"}}", "{\"x\":null}", "{}"},
        {"{\"x\":{\"a\":\"foo\"}}", "{\"x\":\"bar\"}", "{\"x\": \"bar\"}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\": 1, \"e\": null}"},
        {"{\"x\":[1,2]}", "{\"x\":{\"a\":\"b\",\"c\":null}}", "{\"x\": {\"a\": \"b\"}}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\": {\"bb\": {}}}"},
        /* Nulls in arrays are values; members of the target that the patch does not name stay, nulls too. */
        {"{\"a\":1}", "{\"a\":[null,{\"b\":null}]}", "{\"a\": [null, {\"b\": null}]}"},
        {"{\"a\":{\"n\":null,\"b\":1}}", "{\"a\":{\"b\":null}}", "{\"a\": {\"n\": null}}"},
        {NULL, "{\"a\":null,\"b\":{\"c\":null}}", "{\"b\": {}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_string_equal(merged(table[i][0], table[i][1]), table[i][2]);
}

static void numbers_are_written_as_postgresql_writes_them(void **state)
{
    static const char *const table[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.00", "0.00"},
        {"1.50", "1.50"},
        {"1e3", "1000"},
        {"1E+3", "1000"},
        {"1.5e3", "1500"},
        {"1.50e1", "15.0"},
        {"1.50e-2", "0.0150"},
        {"-12.5e-1", "-1.25"},
        {"0e-5", "0.00000"},
        {"0.0e3", "0"},
        {"0e99999999999999999999", "0"},
        {"100e-2", "1.00"},
        {"12345678901234567890123", NULL},
        {"0.1000000000000000055511151231257827", NULL},
        {"-1e-3", "-0.001"},
        {"9e-1", "0.9"},
        {"123e0", "123"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *text = arena_printf(&arena, "{\"n\":%s}", table[i][0]);
        char *wanted = arena_printf(&arena, "{\"n\": %s}", table[i][1] != NULL ? table[i][1] : table[i][0]);

        assert_string_equal(written(text), wanted);
    }
    assert_int_equal(strlen(written("{\"n\":1e-16383}")), strlen("{\"n\": }") + 16385);
    assert_int_equal(strlen(written("{\"n\":1e308}")), strlen("{\"n\": }") + 309);
    assert_int_equal(strlen(written("{\"n\":1.7976931348623157e308}")), strlen("{\"n\": }") + 309);
    assert_non_null(strstr(written("{\"n\":1.8e308}"), "send it as a string"));
    assert_non_null(strstr(written("{\"n\":-1e999999999999999999999}"), "send it as a string"));
    assert_non_null(strstr(written("{\"n\":1e-16384}"), "send it as a string"));
    assert_non_null(strstr(written("{\"n\":0e-999999999999999999999}"), "send it as a string"));
}

static void numbers_are_counted_before_they_are_written_out(void **state)
{
    struct buf text;
    struct jsonb *value;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    buf_init(&text, &arena, 1024 * 1024);
    assert_true(buf_add_string(&text, "{\"a\":[1e-16383"));
    for (int i = 1; i < 7200; i++)
        assert_true(buf_add_string(&text, ",1e-16383"));
    assert_true(buf_add_string(&text, "]}"));
    size_t before = arena.used_bytes;
    assert_false(jsonb_read(&arena, text.bytes, text.length, MOST, &value, &err));
    assert_int_equal(err.kind, ERR_LARGE);
    assert_true(arena.used_bytes - before < 2 * MOST);
}

static void members_are_in_jsonbs_order_and_text_is_escaped_as_there(void **state)
{
    (void)state;
    assert_string_equal(written("{\"bb\":1,\"a\":2,\"\":3,\"ab\":4,\"c\":{\"z\":1,\"y\":[ ]}}"),
                        "{\"\": 3, \"a\": 2, \"c\": {\"y\": [], \"z\": 1}, \"ab\": 4, \"bb\": 1}");
    assert_string_equal(written("{\"\\u0061\\/\":\"\\b\\f\\n\\r\\t\\\"\\\\\\u001F\\u007f\\u00e9\\uD83D\\udc1d\"}"),
                        "{\"a/\": \"\\b\\f\\n\\r\\t\\\"\\\\\\u001f\x7f\xC3\xA9\xF0\x9F\x90\x9D\"}");
    assert_non_null(strstr(written("{\"a\":1,\"\\u0061\":2}"), "twice"));
    assert_non_null(strstr(written("{\"a\":\"\\u0000\"}"), "can't be stored"));
    assert_non_null(strstr(written("{\"a\":\"\\ud800\"}"), "half a character"));
    assert_non_null(strstr(written("{\"a\":\"\\ud800\\ud800\"}"), "half a character"));
    assert_non_null(strstr(written("{\n \"a\": tru}"), "line 2, column 7"));
    assert_non_null(strstr(written("[]"), "must be a JSON object"));
}

static void the_depth_is_bounded(void **state)
{
    char text[3 * JSONB_MAX_DEPTH + 16];

    (void)state;
    for (int depth = JSONB_MAX_DEPTH - 1; depth <= JSONB_MAX_DEPTH; depth++) {
        struct jsonb *value;
        struct err err;

        snprintf(text, sizeof text, "{\"a\":%.*s%.*s}", depth, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", depth,
                 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        assert_int_equal(reads(text, &value, &err), depth < JSONB_MAX_DEPTH);
    }
}

/* A generator of its own, so that a seed means the same everywhere. */
static uint64_t seed;

static unsigned chance(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static void make(struct buf *out, int depth, bool object)
{
    static const char *const leaves[] = {"null",
                                         "true",
                                         "false",
                                         "0",
                                         "-1",
                                         "1.50",
                                         "2e3",
                                         "1e-7",
                                         "\"\"",
                                         "\"x\"",
                                         "\"\\u00e9\\n\"",
                                         "\"\xC3\xA9\"",
                                         "-0",
                                         "12345678901234567890",
                                         "{}",
                                         "[]"};
    unsigned kind = object ? 0 : chance(depth > 3 ? 1 : 3) + (depth > 3 ? 2 : 0), count = chance(5);

    if (kind == 2) {
        assert_true(buf_add_string(out, leaves[chance(sizeof leaves / sizeof leaves[0])]));
        return;
    }
    assert_true(buf_add_string(out, kind == 0 ? "{" : "["));
    for (unsigned i = 0; i < count; i++) {
        assert_true(buf_printf(out, "%s", i > 0 ? ", " : ""));
        /* Names that are all different, in no order, some with an escape. */
        if (kind == 0)
            assert_true(buf_printf(out, chance(2) > 0 ? "\"%c%.*s\":" : "\"%c\\u0062%.*s\":", "zyxwv"[(i * 3) % 5],
                                   (int)chance(3), "bbb"));
        make(out, depth + 1, false);
    }
    assert_true(buf_add_string(out, kind == 0 ? "}" : "]"));
}

/* RFC 7396, section 2, word for word. */
static json_t *merge_as_written(json_t *target, const json_t *patch)
{
    const char *name;
    json_t *value;

    if (!json_is_object(patch))
        return json_deep_copy(patch);
    target = json_is_object(target) ? json_deep_copy(target) : json_object();
    json_object_foreach((json_t *)patch, name, value)
    {
        if (json_is_null(value))
            json_object_del(target, name);
        else
            json_object_set_new(target, name, merge_as_written(json_object_get(target, name), value));
    }
    return target;
}

/* 2e3 is a real to jansson and 2000 an integer: equal as numbers. */
static bool equal(const json_t *one, const json_t *other)
{
    const char *name;
    const json_t *value;

    if (json_is_number(one) && json_is_number(other))
        return json_number_value(one) == json_number_value(other);
    if (json_is_array(one) && json_is_array(other)) {
        bool same = json_array_size(one) == json_array_size(other);

        for (size_t i = 0; same && i < json_array_size(one); i++)
            same = equal(json_array_get(one, i), json_array_get(other, i));
        return same;
    }
    if (!json_is_object(one) || !json_is_object(other))
        return json_equal(one, other) == 1;
    json_object_foreach((json_t *)one, name, value) if (!equal(value, json_object_get(other, name))) return false;
    return json_object_size(one) == json_object_size(other);
}

static void any_patch_of_any_document_merges_as_the_rfc_is_written(void **state)
{
    (void)state;
    for (seed = 1; seed <= ROUNDS; seed++) {
        uint64_t kept = seed;
        struct buf target, patch;
        json_t *one, *other, *wanted, *got;
        struct err err = {.kind = ERR_NONE};

        buf_init(&target, &arena, TEXT_MAX * 16);
        buf_init(&patch, &arena, TEXT_MAX * 16);
        make(&target, 0, true);
        make(&patch, 0, true);
        seed = kept;
        assert_true(json_read(&arena, target.bytes, target.length, &one, &err));
        assert_true(json_read(&arena, patch.bytes, patch.length, &other, &err));
        wanted = merge_as_written(one, other);
        const char *text = merged(target.bytes, patch.bytes);
        assert_true(json_read(&arena, text, strlen(text), &got, &err));
        if (!equal(wanted, got))
            fail_msg("seed %llu: %s + %s = %s", (unsigned long long)kept, target.bytes, patch.bytes, text);
        /* What was written is read as the same tree: the text is the last word. */
        assert_string_equal(written(text), text);
        json_decref(wanted);
        arena_reset(&arena);
    }
}

/* Texts with a byte changed, added or taken away: refused exactly when jansson refuses them, or for what only we refuse. */
static void what_jansson_refuses_is_refused_and_nothing_else(void **state)
{
    static const char bytes[] = "{}[]\",:0123456789.eE+-\\unltrfbas \n\t\x01\x7f\xC3\xA9\xff";
    int refused = 0;

    (void)state;
    for (seed = 1; seed <= ROUNDS * 4; seed++) {
        uint64_t kept = seed;
        struct buf text;
        struct jsonb *value;
        json_t *json;
        struct err ours = {.kind = ERR_NONE}, theirs = {.kind = ERR_NONE};

        buf_init(&text, &arena, TEXT_MAX * 16);
        make(&text, 1, true);
        for (unsigned i = 0; i <= chance(3) && text.length > 1; i++)
            text.bytes[chance((unsigned)text.length)] = bytes[chance(sizeof bytes - 1)];
        seed = kept;
        bool we = jsonb_read(&arena, text.bytes, text.length, MOST, &value, &ours);
        bool they = json_read(&arena, text.bytes, text.length, &json, &theirs);
        if (they && !json_is_object(json))
            they = false;
        if (we != they && ours.kind != ERR_VALUE && strstr(ours.detail, "send it as a string") == NULL)
            fail_msg("seed %llu: %s: we say %s, jansson %s", (unsigned long long)kept, text.bytes,
                     we ? "yes" : ours.detail, they ? "yes" : theirs.detail);
        refused += !we;
        arena_reset(&arena);
    }
    assert_in_range(refused, ROUNDS, ROUNDS * 4 - ROUNDS / 10);
}

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024 * 1024);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_table_of_rfc_7396_holds, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(numbers_are_written_as_postgresql_writes_them, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(numbers_are_counted_before_they_are_written_out, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(members_are_in_jsonbs_order_and_text_is_escaped_as_there, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(the_depth_is_bounded, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(any_patch_of_any_document_merges_as_the_rfc_is_written, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(what_jansson_refuses_is_refused_and_nothing_else, open_arena, close_arena),
    };

    return (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL));
}
