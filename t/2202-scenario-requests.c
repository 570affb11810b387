/* Scenarios of mayfly-prove: what is sent when variables have their values. */
#include "prove/scenario_request.h"

#include "unit.h"

#define LEAST "# prove: acknowledges write\nPUT {{url}}/n\nHTTP 200\n# prove: shows write\nGET {{url}}/n\nHTTP 200\n"

static bool make(struct unit *unit, const char *request_text, struct prove_request *request)
{
    struct scenario *scenario = arena_zalloc(&unit->arena, sizeof *scenario);
    const char *text = arena_printf(&unit->arena, LEAST "%s\n", request_text);
    struct variables variables = {.count = 0};
    bool made;

    assert_non_null(text);
    if (!scenario_parse(scenario, &unit->arena, "a.hurl", text, strlen(text), &unit->err))
        fail_msg("%s: %s", request_text, unit->err.detail);
    assert_true(variables_set(&variables, "url", "http://a:1", 10, &unit->err) &&
                variables_set(&variables, "user", "ann&b", 5, &unit->err) &&
                variables_set(&variables, "lines", "a\nX: y", 6, &unit->err));
    made = scenario_request_make(STAILQ_NEXT(STAILQ_NEXT(STAILQ_FIRST(&scenario->entries), next), next), &variables,
                                 "http://site", "/proc/self", "bound", &unit->arena, request, &unit->err);
    variables_free(&variables);
    return made;
}

static bool has_header(const struct prove_request *request, const char *line)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcmp(request->headers[i], line) == 0)
            return true;
    return false;
}

static void a_request_is_what_was_written(void **state)
{
    static const struct {
        const char *text, *url, *header, *body;
    } requests[] = {
        {"GET {{url}}/x", "http://a:1/x", "Content-Type:", NULL},
        {"GET /x", "http://site/x", "Content-Type:", NULL},
        {"GET {{url}}/x?a=b\n[Query]\nq: {{user}} c\nr: \\#", "http://a:1/x?a=b&q=ann%26b%20c&r=%23",
         "Content-Type:", NULL},
        {"GET {{url}}/x\nAccept: a/b\nX-Empty:", "http://a:1/x", "Accept: a/b", NULL},
        {"GET {{url}}/x\nX-Empty:", "http://a:1/x", "X-Empty;", NULL},
        {"GET {{url}}/x\n[Cookies]\na: {{user}}\nb: 2", "http://a:1/x", "Cookie: a=ann&b; b=2", NULL},
        {"GET {{url}}/x\n[BasicAuth]\nann: a>>?>>>", "http://a:1/x", "Authorization: Basic YW5uOmE+Pj8+Pj4=", NULL},
        {"GET {{url}}/x\n[BasicAuth]\nann: lam", "http://a:1/x", "Authorization: Basic YW5uOmxhbQ==", NULL},
        {"POST {{url}}/x\n[Form]\nname: {{user}}\nb: \xC3\xA4", "http://a:1/x",
         "Content-Type: application/x-www-form-urlencoded", "name=ann%26b&b=%C3%A4"},
        {"PUT {{url}}/x\n{\"a\": \"{{user}}\"}", "http://a:1/x", "Content-Type: application/json",
         "{\"a\": \"ann&b\"}"},
        {"PUT {{url}}/x\nContent-Type: a/b\n{}", "http://a:1/x", "Content-Type: a/b", "{}"},
        {"PUT {{url}}/x\n`one {{user}}`", "http://a:1/x", "Content-Type: text/plain; charset=utf-8", "one ann&b"},
        {"PUT {{url}}/x\nhex,6162;", "http://a:1/x", "Content-Type: application/octet-stream", "ab"},
        {"PUT {{url}}/x\nfile,comm;", "http://a:1/x", "Content-Type: application/octet-stream", "2202-scenario-r\n"},
        {"POST {{url}}/x\n[Multipart]\na: 1\nf: file,comm; text/plain", "http://a:1/x",
         "Content-Type: multipart/form-data; boundary=bound",
         "--bound\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
         "--bound\r\nContent-Disposition: form-data; name=\"f\"; filename=\"comm\"\r\nContent-Type: text/plain\r\n\r\n"
         "2202-scenario-r\n\r\n--bound--\r\n"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(requests); i++) {
        struct prove_request request;

        if (!make(unit, requests[i].text, &request))
            fail_msg("%s: %s", requests[i].text, unit->err.detail);
        assert_string_equal(request.url, requests[i].url);
        if (!has_header(&request, requests[i].header))
            fail_msg("%s: there is no header %s", requests[i].text, requests[i].header);
        if (requests[i].body == NULL) {
            assert_null(request.body);
            continue;
        }
        assert_int_equal(request.length, strlen(requests[i].body));
        assert_memory_equal(request.body, requests[i].body, request.length);
    }
}

static void what_cant_be_sent_is_refused(void **state)
{
    static const struct {
        const char *text, *error;
        enum err_kind kind;
    } wrongs[] = {
        {"GET {{url}}/{{none}}", "{{none}} has no value", ERR_ABSENT},
        {"GET {{url}}/{{lines}}", "an address has no spaces and no control characters", ERR_INPUT},
        {"GET {{url}}/x\nX-A: {{lines}}", "the value of X-A is not one line", ERR_INPUT},
        {"GET {{url}}/x\n[Cookies]\na: {{lines}}", "the value of Cookie is not one line", ERR_INPUT},
        {"PUT {{url}}/x\nfile,nowhere/at all;", "/proc/self/nowhere/at all: No such file", ERR_INPUT},
        {"POST {{url}}/x\n[Multipart]\na{{lines}}: 1", "the name of a part has no quotes and is one line", ERR_INPUT},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct prove_request request;

        assert_refused(make(unit, wrongs[i].text, &request), &unit->err, wrongs[i].kind, wrongs[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {PROMISE(a_request_is_what_was_written),
                                          PROMISE(what_cant_be_sent_is_refused)};

    return KEEP_PROMISES(promises);
}
