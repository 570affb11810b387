/* Answers: nothing is smuggled into a header, a kept answer comes back whole, and an error tells clients what it may. */
#include "http/json.h"
#include "http/problem.h"

#include "unit.h"

static const enum err_kind kinds[] = {
#define X(kind, word) ERR_##kind,
    ERR_KINDS(X)
#undef X
};

static void an_answer_starts_as_an_empty_200_of_json(void **state)
{
    struct unit *unit = *state;
    struct response response;

    response_init(&response, &unit->arena);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.type, "application/json");
    assert_string_equal(response.headers.bytes, "");
    assert_string_equal(response.body.bytes, "");
}

static void headers_are_lines(void **state)
{
    struct unit *unit = *state;
    struct response response;

    response_init(&response, &unit->arena);
    assert_granted(response_header(&response, "ETag", "\"1\"", &unit->err), &unit->err);
    assert_granted(response_header(&response, "X-Empty", "", &unit->err), &unit->err);
    assert_granted(response_see_other(&response, "/account", &unit->err), &unit->err);
    assert_int_equal(response.status, 303);
    assert_string_equal(response.headers.bytes, "ETag: \"1\"\r\nX-Empty: \r\nLocation: /account\r\n");
}

static void a_line_break_in_a_header_is_refused_and_nothing_is_added(void **state)
{
    static const char *const values[] = {"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\n", "\r\n\r\n<p>", "a\r"};
    struct unit *unit = *state;
    struct response response;

    response_init(&response, &unit->arena);
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_refused(response_header(&response, "X", values[i], &unit->err), &unit->err, ERR_BUG,
                       "line break in header X");
        assert_refused(response_see_other(&response, values[i], &unit->err), &unit->err, ERR_BUG,
                       "line break in header Location");
    }
    assert_string_equal(response.headers.bytes, "");
}

static void headers_and_body_have_a_limit(void **state)
{
    struct unit *unit = *state;
    struct response response;
    char *text = arena_alloc(&unit->arena, RESPONSE_BODY_MAX + 2);

    assert_non_null(text);
    memset(text, 'x', RESPONSE_BODY_MAX + 1);
    text[RESPONSE_BODY_MAX + 1] = '\0';
    response_init(&response, &unit->arena);
    assert_refused(response_json(&response, 200, text, &unit->err), &unit->err, ERR_BUG, "too long");
    assert_refused(response_header(&response, "X", text, &unit->err), &unit->err, ERR_BUG, "no room for header X");
    assert_string_equal(response.headers.bytes, "");
    text[RESPONSE_BODY_MAX] = '\0';
    assert_granted(response_json(&response, 201, text, &unit->err), &unit->err);
    assert_int_equal(response.status, 201);
    assert_int_equal(response.body.length, RESPONSE_BODY_MAX);
}

static void fill(struct unit *unit, struct response *response)
{
    response_init(response, &unit->arena);
    response->status = 422;
    response->type = "application/problem+json";
    assert_granted(response_header(response, "Set-Cookie", "mayfly=x; HttpOnly", &unit->err), &unit->err);
    assert_granted(response_header(response, "ETag", "\"7\"", &unit->err), &unit->err);
    assert_true(buf_add(&response->body, "{\n\n\"a\":\0\xFF}\n", 11));
}

static void a_kept_answer_comes_back_whole(void **state)
{
    struct unit *unit = *state;
    struct response kept, back;
    struct buf packed;

    fill(unit, &kept);
    assert_granted(response_pack(&kept, &unit->arena, &packed, &unit->err), &unit->err);
    response_init(&back, &unit->arena);
    assert_granted(response_unpack(&back, packed.bytes, packed.length, &unit->err), &unit->err);
    assert_int_equal(back.status, kept.status);
    assert_string_equal(back.type, kept.type);
    assert_string_equal(back.headers.bytes, kept.headers.bytes);
    assert_int_equal(back.body.length, kept.body.length);
    assert_memory_equal(back.body.bytes, kept.body.bytes, kept.body.length);
}

static void the_largest_answer_can_be_kept(void **state)
{
    struct unit *unit = *state;
    struct response kept, back;
    struct buf packed;
    char *room;

    response_init(&kept, &unit->arena);
    room = buf_reserve(&kept.body, RESPONSE_BODY_MAX);
    assert_non_null(room);
    memset(room, 'x', RESPONSE_BODY_MAX);
    kept.body.length = RESPONSE_BODY_MAX;
    room = buf_reserve(&kept.headers, RESPONSE_HEADERS_MAX);
    assert_non_null(room);
    memset(room, 'h', RESPONSE_HEADERS_MAX);
    kept.headers.length = RESPONSE_HEADERS_MAX;
    assert_granted(response_pack(&kept, &unit->arena, &packed, &unit->err), &unit->err);
    response_init(&back, &unit->arena);
    assert_granted(response_unpack(&back, packed.bytes, packed.length, &unit->err), &unit->err);
    assert_int_equal(back.headers.length, RESPONSE_HEADERS_MAX);
    assert_int_equal(back.body.length, RESPONSE_BODY_MAX);
}

static void an_empty_answer_can_be_kept(void **state)
{
    struct unit *unit = *state;
    struct response kept, back;
    struct buf packed;

    response_init(&kept, &unit->arena);
    kept.status = 204;
    assert_granted(response_pack(&kept, &unit->arena, &packed, &unit->err), &unit->err);
    response_init(&back, &unit->arena);
    assert_granted(response_unpack(&back, packed.bytes, packed.length, &unit->err), &unit->err);
    assert_int_equal(back.status, 204);
    assert_string_equal(back.headers.bytes, "");
    assert_string_equal(back.body.bytes, "");
}

static void what_is_no_kept_answer_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"", "can't be read"},
        {"200", "can't be read"},
        {"200\n", "can't be read"},
        {"200\nt\n", "can't be read"},
        {"200\nt\n0", "can't be read"},
        {"200\nt\n5\nabcd", "cut off"},
        {"200\nt\n99999999999999999999999\nabcd", "cut off"},
        {"200\nt\n-1\nabcd", "cut off"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct response back;
        char *packed = arena_strdup(&unit->arena, cases[i][0]);

        response_init(&back, &unit->arena);
        assert_refused(response_unpack(&back, packed, strlen(packed), &unit->err), &unit->err, ERR_BUG, cases[i][1]);
    }
}

static void no_cut_of_a_kept_answer_crashes(void **state)
{
    struct unit *unit = *state;
    struct response kept;
    struct buf packed;

    fill(unit, &kept);
    assert_granted(response_pack(&kept, &unit->arena, &packed, &unit->err), &unit->err);
    for (size_t length = 0; length < packed.length; length++) {
        struct response back;
        char *cut = unit_exact(packed.bytes, length + 1);

        cut[length] = '\0';
        response_init(&back, &unit->arena);
        err_clear(&unit->err);
        if (response_unpack(&back, cut, length, &unit->err))
            assert_string_equal(back.headers.bytes, kept.headers.bytes);
        else
            assert_string_equal(err_word(unit->err.kind), "internal");
        free(cut);
    }
}

static const json_t *rendered(struct unit *unit, const struct err *err, struct response *response)
{
    struct err failure = {.kind = ERR_NONE};
    json_t *json;

    response_init(response, &unit->arena);
    problem_render(err, response);
    assert_granted(json_read_object(&unit->arena, response->body.bytes, response->body.length, &json, &failure),
                   &failure);
    return json;
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    assert_non_null(text);
    return text;
}

static void every_kind_is_a_problem_with_its_word(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct err err = {.kind = kinds[i], .detail = "detail of the error"};
        struct problem problem = problem_of(&err);
        struct response response;
        const json_t *json = rendered(unit, &err, &response);

        assert_string_equal(response.type, "application/problem+json");
        assert_int_equal(response.status, problem.status);
        assert_string_equal(text_of(json, "type"), "about:blank");
        assert_string_equal(text_of(json, "title"), problem.title);
        assert_string_equal(text_of(json, "detail"), problem.detail);
        assert_string_equal(text_of(json, "error"), err_word(kinds[i]));
        assert_int_equal(json_integer_value(json_object_get(json, "status")), problem.status);
        assert_null(json_object_get(json, "field"));
    }
}

static void each_kind_has_its_status(void **state)
{
    static const int statuses[] = {200, 400, 401, 403, 404, 405, 409, 412, 413, 415, 416, 422, 423, 429, 460, 503, 500};

    (void)state;
    assert_int_equal(COUNT(statuses), COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct err err = {.kind = kinds[i]};

        assert_int_equal(problem_of(&err).status, statuses[i]);
    }
}

static void the_detail_of_an_outage_or_a_bug_stays_inside(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct err err = {.kind = ERR_NONE};
        struct response response;
        bool internal = kinds[i] == ERR_DOWN || kinds[i] == ERR_BUG || kinds[i] == ERR_NONE;

        err_set(&err, kinds[i], "connection to /run/secret-place failed");
        rendered(unit, &err, &response);
        assert_int_equal(strstr(response.body.bytes, "secret-place") == NULL, internal);
        assert_null(strstr(response.headers.bytes, "secret-place"));
    }
}

static void the_wrong_member_is_named(void **state)
{
    struct unit *unit = *state;
    struct err err = {.kind = ERR_NONE};
    struct response response;
    const json_t *json;

    err_field(&err, ERR_VALUE, "e\"mail", "e-mail: no \"@\" in it\n");
    json = rendered(unit, &err, &response);
    assert_string_equal(text_of(json, "field"), "e\"mail");
    assert_string_equal(text_of(json, "detail"), "e-mail: no \"@\" in it\n");
}

static void whatever_the_detail_holds_the_problem_is_json(void **state)
{
    struct unit *unit = *state;
    uint64_t seed = 2040;

    for (int round = 0; round < 2000; round++) {
        struct err err = {.kind = kinds[1 + unit_random(&seed) % (COUNT(kinds) - 1)]};
        struct response response;
        bool controls = round % 2 == 0; /* each becomes six bytes, so nothing fits */

        for (size_t i = 0; i < sizeof err.detail - 1; i++)
            err.detail[i] = (char)(1 + unit_random(&seed) % (controls ? 31 : 255));
        for (size_t i = 0; i < sizeof err.field - 1; i++)
            err.field[i] = (char)(1 + unit_random(&seed) % (controls ? 31 : 255));
        rendered(unit, &err, &response);
        arena_reset(&unit->arena);
    }
}

static void a_detail_that_is_cut_in_a_character_is_still_json(void **state)
{
    struct unit *unit = *state;
    char padding[ERR_DETAIL_BYTES + 8];

    for (size_t length = ERR_DETAIL_BYTES - 8; length < ERR_DETAIL_BYTES; length++) {
        struct err err = {.kind = ERR_NONE};
        struct response response;

        memset(padding, 'x', length);
        padding[length] = '\0';
        err_field(&err, ERR_INPUT, padding, "%s\xF0\x9F\x98\x80", padding);
        rendered(unit, &err, &response);
    }
}

static void who_should_come_again_is_told_when(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct err err = {.kind = kinds[i]};
        struct response response;
        bool again = kinds[i] == ERR_LIMIT || kinds[i] == ERR_LOCKED || kinds[i] == ERR_DOWN;

        rendered(unit, &err, &response);
        assert_string_equal(response.headers.bytes, again ? "Retry-After: 1\r\n" : "");
        err.retry_after_s = 900;
        rendered(unit, &err, &response);
        assert_string_equal(response.headers.bytes, again ? "Retry-After: 900\r\n" : "");
    }
}

static void a_problem_without_memory_still_has_its_status(void **state)
{
    struct arena none;
    struct response response;
    struct err err = {.kind = ERR_DOWN};

    (void)state;
    arena_init(&none, 0);
    response_init(&response, &none);
    problem_render(&err, &response);
    assert_int_equal(response.status, 503);
    assert_string_equal(response.body.bytes, "");
    arena_free(&none);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(an_answer_starts_as_an_empty_200_of_json),
        PROMISE(headers_are_lines),
        PROMISE(a_line_break_in_a_header_is_refused_and_nothing_is_added),
        PROMISE(headers_and_body_have_a_limit),
        PROMISE(a_kept_answer_comes_back_whole),
        PROMISE(the_largest_answer_can_be_kept),
        PROMISE(an_empty_answer_can_be_kept),
        PROMISE(what_is_no_kept_answer_is_refused),
        PROMISE(no_cut_of_a_kept_answer_crashes),
        PROMISE(every_kind_is_a_problem_with_its_word),
        PROMISE(each_kind_has_its_status),
        PROMISE(the_detail_of_an_outage_or_a_bug_stays_inside),
        PROMISE(the_wrong_member_is_named),
        PROMISE(whatever_the_detail_holds_the_problem_is_json),
        PROMISE(a_detail_that_is_cut_in_a_character_is_still_json),
        PROMISE(who_should_come_again_is_told_when),
        PROMISE(a_problem_without_memory_still_has_its_status),
    };

    return KEEP_PROMISES(promises);
}
