/* The parsers of what clients send. */
#include "base/token.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/form.h"
#include "http/json.h"
#include "http/request.h"

#include "corpus.h"

static bool parse_json(struct unit *unit, const char *text, size_t length, const char **out)
{
    json_t *json;

    if (!json_read(&unit->arena, text, length, &json, &unit->err))
        return false;
    *out = json_write(&unit->arena, json);
    return *out != NULL || err_memory(&unit->err);
}

static bool parse_form(struct unit *unit, const char *text, size_t length, const char **out)
{
    json_t *json;

    if (!form_read(&unit->arena, text, length, &json, &unit->err))
        return false;
    *out = json_write(&unit->arena, json);
    return *out != NULL || err_memory(&unit->err);
}

/* Against "5"; says by which comparison it is listed. */
static bool parse_etag(struct unit *unit, const char *text, size_t length, const char **out)
{
    char *list = arena_strndup(&unit->arena, text, length);
    bool strong, weak;

    if (list == NULL)
        return err_memory(&unit->err);
    if (!etag_listed("If-Match", list, "\"5\"", ETAG_STRONG, &strong, &unit->err) ||
        !etag_listed("If-None-Match", list, "\"5\"", ETAG_WEAK, &weak, &unit->err))
        return false;
    *out = strong && weak ? "strong and weak" : weak ? "weak" : strong ? "strong" : "not listed";
    return true;
}

static bool parse_token(struct unit *unit, const char *text, size_t length, const char **out)
{
    static char id[UUID_TEXT_BYTES];
    struct token token;

    (void)unit;
    if (!token_parse(text, length, &token))
        return false;
    uuid_format(&token.id, id);
    *out = id;
    return true;
}

static bool parse_cookie(struct unit *unit, const char *text, size_t length, const char **out)
{
    struct request request = {.cookie = arena_strndup(&unit->arena, text, length)};
    const char *value;
    size_t value_length;

    if (request.cookie == NULL)
        return err_memory(&unit->err);
    value = request_cookie(&request, "__Host-mayfly", NULL, &value_length);
    if (value == NULL)
        return false;
    *out = arena_strndup(&unit->arena, value, value_length);
    return *out != NULL || err_memory(&unit->err);
}

static const struct parser parsers[] = {
    {"json", parse_json, true, "{}[]\",:\\ 0eu-\x7F\x80\xC2\xED\xF4\xFF"},
    {"form", parse_form, true, "%&=+;0a\x80\xC2\xED\xF4\xFF"},
    {"etag", parse_etag, true, "\",*W/ 5"},
    {"token", parse_token, false, "mfs_-=+/\x80"},
    {"cookie", parse_cookie, false, "\"=; \t_"},
};

static void an_object_is_asked_for_and_nothing_else_is_taken(void **state)
{
    static const char *const others[] = {"[]", "1", "\"{}\"", "null", "true", " [ {} ] "};
    struct unit *unit = *state;
    json_t *json;

    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(json_read_object(&unit->arena, others[i], strlen(others[i]), &json, &unit->err), &unit->err,
                       ERR_VALUE, "must be a JSON object");
    assert_refused(json_read_object(&unit->arena, "{", 1, &json, &unit->err), &unit->err, ERR_INPUT, "line 1, column");
    assert_granted(json_read_object(&unit->arena, " {} ", 4, &json, &unit->err), &unit->err);
}

static const json_t *object_of(struct unit *unit, const char *text)
{
    json_t *json;

    assert_granted(json_read_object(&unit->arena, text, strlen(text), &json, &unit->err), &unit->err);
    return json;
}

static void a_text_member_is_text_or_absent(void **state)
{
    struct unit *unit = *state;
    const json_t *object = object_of(unit, "{\"a\":\"x\",\"empty\":\"\",\"null\":null,\"n\":1,\"l\":[],\"t\":true}");
    static const char *const wrong[] = {"n", "l", "t"};
    const char *text;

    assert_granted(json_text(object, "a", &text, &unit->err), &unit->err);
    assert_string_equal(text, "x");
    assert_granted(json_text(object, "empty", &text, &unit->err), &unit->err);
    assert_string_equal(text, "");
    assert_granted(json_text(object, "null", &text, &unit->err), &unit->err);
    assert_null(text);
    assert_granted(json_text(object, "absent", &text, &unit->err), &unit->err);
    assert_null(text);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(json_text(object, wrong[i], &text, &unit->err));
        assert_null(text);
        assert_string_equal(unit->err.field, wrong[i]);
        assert_refused(json_text(object, wrong[i], &text, &unit->err), &unit->err, ERR_VALUE, "must be a string");
    }
}

static void a_flag_is_set_by_a_form_and_by_json_alike(void **state)
{
    const json_t *object = object_of(*state, "{\"json\":true,\"form\":\"on\",\"word\":\"true\",\"digit\":\"1\","
                                             "\"off\":\"off\",\"false\":false,\"null\":null,\"one\":1,\"empty\":\"\"}");
    static const char *const set[] = {"json", "form", "word", "digit"};
    static const char *const clear[] = {"off", "false", "null", "one", "empty", "absent"};

    for (size_t i = 0; i < COUNT(set); i++)
        assert_true(json_flag(object, set[i]));
    for (size_t i = 0; i < COUNT(clear); i++)
        assert_false(json_flag(object, clear[i]));
}

static void a_tag_is_listed_as_it_was_written(void **state)
{
    static const int64_t versions[] = {0, 1, 5, 55, 123456789, INT64_MAX, INT64_MIN};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(versions); i++) {
        char tag[ETAG_BYTES], other[ETAG_BYTES];

        etag_format(versions[i], tag);
        for (size_t k = 0; k < COUNT(versions); k++) {
            bool listed;

            etag_format(versions[k], other);
            assert_granted(etag_listed("If-Match", tag, other, ETAG_STRONG, &listed, &unit->err), &unit->err);
            assert_int_equal(listed, i == k);
        }
    }
}

static void a_star_is_whatever_is_there(void **state)
{
    struct unit *unit = *state;
    bool listed;

    assert_granted(etag_listed("If-Match", "*", "\"0\"", ETAG_STRONG, &listed, &unit->err), &unit->err);
    assert_true(listed);
    assert_granted(etag_listed("If-None-Match", " * ", NULL, ETAG_WEAK, &listed, &unit->err), &unit->err);
    assert_true(listed);
}

static void what_has_no_tag_is_in_no_list(void **state)
{
    struct unit *unit = *state;
    bool listed;

    assert_granted(etag_listed("If-Match", "\"\", W/\"\"", NULL, ETAG_WEAK, &listed, &unit->err), &unit->err);
    assert_false(listed);
}

static void a_date_is_read_in_all_three_forms(void **state)
{
    static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    static const char *const none[] = {"",
                                       "yesterday",
                                       "Sun, 06 Nov 1994 08:49:37",
                                       "Sun, 06 Nov 1994 08:49:37 CET",
                                       "Sun, 06 Nov 1994 08:49:37 GMT+1",
                                       "Sun, 36 Nov 1994 08:49:37 GMT",
                                       "Sun, 06 Nob 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 28:49:37 GMT",
                                       "784111777"};
    char text[DATE_BYTES];
    int64_t time_ms;

    (void)state;
    for (size_t i = 0; i < COUNT(same); i++) {
        assert_true(date_read(same[i], &time_ms));
        assert_int_equal(time_ms, 784111777000);
    }
    for (size_t i = 0; i < COUNT(none); i++)
        if (date_read(none[i], &time_ms))
            fail_msg("'%s' is no date", none[i]);
    date_format(1700000000999, text);
    assert_true(date_read(text, &time_ms));
    assert_int_equal(time_ms, 1700000000000);
}

int main(void)
{
    promise_samples(parsers, COUNT(parsers));
    ALSO(an_object_is_asked_for_and_nothing_else_is_taken);
    ALSO(a_text_member_is_text_or_absent);
    ALSO(a_flag_is_set_by_a_form_and_by_json_alike);
    ALSO(a_tag_is_listed_as_it_was_written);
    ALSO(a_star_is_whatever_is_there);
    ALSO(what_has_no_tag_is_in_no_list);
    ALSO(a_date_is_read_in_all_three_forms);
    /* What follows the last promise is empty and passed over. */
    return KEEP_PROMISES(promises);
}
