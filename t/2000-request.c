/* A request as nginx passes it on: parameters, types, cookie, bearer token, and a body that may be cut off. */
#include "http/request.h"

#include "unit.h"

static void parse(struct unit *unit, struct request *request, const char *const *params)
{
    assert_granted(request_parse(request, params, &unit->err), &unit->err);
}

/* A request that has one header more than it must. */
static struct request with(struct unit *unit, const char *param)
{
    const char *const params[] = {"REQUEST_METHOD=GET", "DOCUMENT_URI=/", param, NULL};
    struct request request = {.method = METHOD_GET};

    parse(unit, &request, params);
    return request;
}

static void every_parameter_finds_its_place(void **state)
{
    static const char *const params[] = {
        "REQUEST_METHOD=PATCH",
        "DOCUMENT_URI=/sessions/1",
        "QUERY_STRING=a=b&c=d",
        "CONTENT_TYPE=application/json",
        "CONTENT_LENGTH=12",
        "REMOTE_ADDR=192.0.2.1",
        "MAYFLY_REQUEST_ID=0123456789abcdef",
        "MAYFLY_ORIGIN=https://example.org",
        "HTTP_COOKIE=mayfly=x",
        "HTTP_AUTHORIZATION=Bearer y",
        "HTTP_ACCEPT=text/html",
        "HTTP_USER_AGENT=curl",
        "HTTP_ORIGIN=https://example.net",
        "HTTP_SEC_FETCH_SITE=same-origin",
        "HTTP_IF_MATCH=\"1\"",
        "HTTP_IF_NONE_MATCH=*",
        "HTTP_IDEMPOTENCY_KEY=k",
        "HTTP_X_CSRF_TOKEN=t",
        "MAYFLY_TARGET=/x?y",
        "MAYFLY_METHOD=POST",
        "MAYFLY_REQUIRE=any",
        "MAYFLY_PREFIX=/mayfly",
        NULL,
    };
    struct request request = {.method = METHOD_GET};

    parse(*state, &request, params);
    assert_int_equal(request.method, METHOD_PATCH);
    assert_string_equal(request.path, "/sessions/1");
    assert_string_equal(request.query, "a=b&c=d");
    assert_string_equal(request.content_type, "application/json");
    assert_int_equal(request.content_length, 12);
    assert_string_equal(request.address, "192.0.2.1");
    assert_string_equal(request.request_id, "0123456789abcdef");
    assert_string_equal(request.origin, "https://example.org");
    assert_string_equal(request.cookie, "mayfly=x");
    assert_string_equal(request.authorization, "Bearer y");
    assert_string_equal(request.accept, "text/html");
    assert_string_equal(request.user_agent, "curl");
    assert_string_equal(request.origin_header, "https://example.net");
    assert_string_equal(request.fetch_site, "same-origin");
    assert_string_equal(request.if_match, "\"1\"");
    assert_string_equal(request.if_none_match, "*");
    assert_string_equal(request.idempotency_key, "k");
    assert_string_equal(request.csrf_token, "t");
    assert_string_equal(request.target, "/x?y");
    assert_string_equal(request.asked, "POST");
    assert_string_equal(request.require, "any");
    assert_string_equal(request.prefix, "/mayfly");
}

static void what_was_not_sent_is_an_empty_text(void **state)
{
    struct request request = with(*state, NULL);
    const char *const texts[] = {
        request.query,      request.content_type,  request.address,    request.request_id,    request.origin,
        request.cookie,     request.authorization, request.accept,     request.user_agent,    request.origin_header,
        request.fetch_site, request.if_match,      request.csrf_token, request.if_none_match, request.idempotency_key,
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        assert_string_equal(texts[i], "");
    assert_int_equal(request.content_length, 0);
}

static void unknown_and_odd_parameters_are_not_looked_at(void **state)
{
    static const char *const params[] = {
        "HTTP_PROXY=evil",
        "",
        "=",
        "=x",
        "HTTP_COOKIE",
        "HTTP_COOKIES=x",
        "http_cookie=x",
        "XHTTP_COOKIE=x",
        "HTTP_COOKI",
        "HTTP_COOK=x",
        "PATH",
        "REQUEST_METHOD=GET",
        "DOCUMENT_URI=/a=b",
        NULL,
    };
    struct request request = {.method = METHOD_POST};

    parse(*state, &request, params);
    assert_int_equal(request.method, METHOD_GET);
    assert_string_equal(request.path, "/a=b");
    assert_string_equal(request.cookie, "");
}

static void each_method_has_its_name(void **state)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(names); i++) {
        char method[32];
        const char *const params[] = {method, "DOCUMENT_URI=/", NULL};
        struct request request = {.method = METHOD_GET};

        snprintf(method, sizeof method, "REQUEST_METHOD=%s", names[i]);
        parse(unit, &request, params);
        assert_int_equal(request.method, 1 << i);
        assert_string_equal(method_name(request.method), names[i]);
    }
    assert_null(method_name((enum method)0));
    assert_null(method_name((enum method)(METHOD_GET | METHOD_POST)));
}

/* Whether the path exists and what it takes is for the route table to say. */
static void an_unknown_method_is_no_method(void **state)
{
    static const char *const params[][3] = {
        {"DOCUMENT_URI=/"},
        {"REQUEST_METHOD=", "DOCUMENT_URI=/"},
        {"REQUEST_METHOD=get", "DOCUMENT_URI=/"},
        {"REQUEST_METHOD=TRACE", "DOCUMENT_URI=/"},
        {"REQUEST_METHOD=GETS", "DOCUMENT_URI=/"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(params); i++) {
        struct request request = {.method = METHOD_GET};

        assert_true(request_parse(&request, params[i], &unit->err));
        assert_int_equal(request.method, 0);
    }
}

static void requests_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        const char *params[4];
        enum err_kind kind;
        const char *part;
    } cases[] = {
        {{"REQUEST_METHOD=GET"}, ERR_INPUT, "path"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI="}, ERR_INPUT, "path"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=*"}, ERR_INPUT, "path"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/\xFF"}, ERR_INPUT, "path"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/\xC0\xAF"}, ERR_INPUT, "path"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/", "CONTENT_LENGTH=x"}, ERR_INPUT, "Content-Length"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/", "CONTENT_LENGTH=-1"}, ERR_INPUT, "Content-Length"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/", "CONTENT_LENGTH=1 1"}, ERR_INPUT, "Content-Length"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/", "CONTENT_LENGTH=0x10"}, ERR_INPUT, "Content-Length"},
        {{"REQUEST_METHOD=GET", "DOCUMENT_URI=/", "CONTENT_LENGTH=9223372036854775808"}, ERR_INPUT, "Content-Length"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct request request = {.method = METHOD_GET};

        assert_refused(request_parse(&request, cases[i].params, &unit->err), &unit->err, cases[i].kind, cases[i].part);
    }
}

static void a_request_id_has_a_longest_length(void **state)
{
    struct unit *unit = *state;
    const char *longest = arena_printf(&unit->arena, "MAYFLY_REQUEST_ID=%064d", 0);
    const char *const longer[] = {"REQUEST_METHOD=GET", "DOCUMENT_URI=/",
                                  arena_printf(&unit->arena, "MAYFLY_REQUEST_ID=%065d", 0), NULL};
    struct request request = with(unit, longest);

    assert_int_equal(strlen(request.request_id), REQUEST_ID_MAX);
    assert_refused(request_parse(&request, longer, &unit->err), &unit->err, ERR_INPUT, "request id is too long");
}

/* Gives at most `piece` bytes at a time and counts how often it is asked. */
struct fake_body {
    const char *bytes;
    size_t left;
    size_t piece;
    int asked;
};

static size_t fake_read(void *source, void *bytes, size_t size)
{
    struct fake_body *body = source;
    size_t got = size < body->piece ? size : body->piece;

    body->asked++;
    got = got < body->left ? got : body->left;
    memcpy(bytes, body->bytes, got);
    body->bytes += got;
    body->left -= got;
    return got;
}

static struct request posting(struct fake_body *body, int64_t content_length)
{
    return (struct request){
        .method = METHOD_POST, .content_length = content_length, .body = {.read = fake_read, .source = body}};
}

static void a_body_is_read_whole_in_pieces_of_any_size(void **state)
{
    static const char text[] = "{\"username\":\"ada\"}";
    struct unit *unit = *state;

    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct fake_body fake = {text, sizeof text - 1, piece, 0};
        struct request request = posting(&fake, sizeof text - 1);
        struct buf body;

        assert_granted(request_body(&request, &unit->arena, sizeof text - 1, &body, &unit->err), &unit->err);
        assert_int_equal(body.length, sizeof text - 1);
        assert_string_equal(body.bytes, text);
    }
}

static void a_request_without_a_body_has_an_empty_one_and_nothing_is_read(void **state)
{
    struct unit *unit = *state;
    struct fake_body fake = {"surplus", 7, 7, 0};
    struct request request = posting(&fake, 0);
    struct buf body;

    assert_granted(request_body(&request, &unit->arena, 100, &body, &unit->err), &unit->err);
    assert_string_equal(body.bytes, "");
    assert_int_equal(body.length, 0);
    assert_int_equal(fake.asked, 0);
}

static void no_more_is_read_than_the_length_tells(void **state)
{
    struct unit *unit = *state;
    struct fake_body fake = {"bodysurplus", 11, 100, 0};
    struct request request = posting(&fake, 4);
    struct buf body;

    assert_granted(request_body(&request, &unit->arena, 100, &body, &unit->err), &unit->err);
    assert_string_equal(body.bytes, "body");
    assert_int_equal(fake.left, 7);
}

static void a_body_that_is_cut_off_is_no_body(void **state)
{
    struct unit *unit = *state;
    struct fake_body fake = {"half", 4, 3, 0};
    struct request request = posting(&fake, 8);
    struct buf body;

    assert_refused(request_body(&request, &unit->arena, 100, &body, &unit->err), &unit->err, ERR_INPUT,
                   "the body ends after 4 of 8 bytes");
}

static void a_body_that_is_too_large_is_refused_before_a_byte_is_read(void **state)
{
    struct unit *unit = *state;
    static const int64_t lengths[] = {101, 1 << 20, INT64_MAX};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct fake_body fake = {"x", 1, 1, 0};
        struct request request = posting(&fake, lengths[i]);
        struct buf body;

        assert_refused(request_body(&request, &unit->arena, 100, &body, &unit->err), &unit->err, ERR_LARGE,
                       "at most 100 bytes");
        assert_int_equal(fake.asked, 0);
    }
}

static void a_body_without_memory_is_an_outage(void **state)
{
    struct unit *unit = *state;
    struct fake_body fake = {"x", 1, 1, 0};
    struct request request = posting(&fake, 5000);
    struct arena small;
    struct buf body;

    arena_init(&small, 64);
    assert_refused(request_body(&request, &small, 10000, &body, &unit->err), &unit->err, ERR_DOWN, "out of memory");
    arena_free(&small);
}

static void a_type_is_compared_without_case_and_parameters(void **state)
{
    static const struct {
        const char *given;
        bool same;
    } cases[] = {
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json;charset=utf-8", true},
        {"application/json ; charset=utf-8", true},
        {"application/json\t", true},
        {"", false},
        {"application/jso", false},
        {"application/json5", false},
        {"application/json-patch+json", false},
        {"text/json", false},
        {" application/json", false},
        {"application/json,text/plain", false},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct request request = with(unit, arena_printf(&unit->arena, "CONTENT_TYPE=%s", cases[i].given));

        if (request_has_type(&request, "application/json") != cases[i].same)
            fail_msg("%s", cases[i].given);
    }
}

static void a_browser_wants_a_page_and_a_program_does_not(void **state)
{
    static const struct {
        const char *accept;
        bool page;
    } cases[] = {
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
        {"text/html", true},
        {"text/html, application/json", true},
        {"application/json, text/html", false},
        {"application/problem+json,text/html;q=0.1", false},
        {"application/json", false},
        {"*/*", false},
        {"", false},
        {"text/plain", false},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct request request = with(unit, arena_printf(&unit->arena, "HTTP_ACCEPT=%s", cases[i].accept));

        if (request_wants_page(&request) != cases[i].page)
            fail_msg("%s", cases[i].accept);
    }
}

static void a_bearer_token_comes_with_or_without_its_word(void **state)
{
    static const char *const cases[][2] = {
        {"Bearer mfs_x", "mfs_x"},
        {"bearer mfs_x", "mfs_x"},
        {"BEARER mfs_x", "mfs_x"},
        {"Bearer    mfs_x  ", "mfs_x"},
        {"mfs_x", "mfs_x"},
        {"  mfs_x ", "mfs_x"},
        {"Basic YTpi", NULL},
        {"Digest username=\"a\", realm=\"b\"", NULL},
        {"", NULL},
        {"   ", NULL},
        {"Bearer ", NULL},
        {"Bearer    ", NULL},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct request request = with(unit, arena_printf(&unit->arena, "HTTP_AUTHORIZATION=%s", cases[i][0]));
        size_t length;
        const char *token = request_bearer(&request, &length);

        if (cases[i][1] == NULL) {
            assert_null(token);
            continue;
        }
        assert_non_null(token);
        assert_int_equal(length, strlen(cases[i][1]));
        assert_memory_equal(token, cases[i][1], length);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(every_parameter_finds_its_place),
        PROMISE(what_was_not_sent_is_an_empty_text),
        PROMISE(unknown_and_odd_parameters_are_not_looked_at),
        PROMISE(each_method_has_its_name),
        PROMISE(an_unknown_method_is_no_method),
        PROMISE(requests_that_make_no_sense_are_refused),
        PROMISE(a_request_id_has_a_longest_length),
        PROMISE(a_body_is_read_whole_in_pieces_of_any_size),
        PROMISE(a_request_without_a_body_has_an_empty_one_and_nothing_is_read),
        PROMISE(no_more_is_read_than_the_length_tells),
        PROMISE(a_body_that_is_cut_off_is_no_body),
        PROMISE(a_body_that_is_too_large_is_refused_before_a_byte_is_read),
        PROMISE(a_body_without_memory_is_an_outage),
        PROMISE(a_type_is_compared_without_case_and_parameters),
        PROMISE(a_browser_wants_a_page_and_a_program_does_not),
        PROMISE(a_bearer_token_comes_with_or_without_its_word),
    };

    return KEEP_PROMISES(promises);
}
