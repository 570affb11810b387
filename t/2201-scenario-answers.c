/* Scenarios of mayfly-prove: what an answer gives, what is asked of it, and what is said of one that is wrong. */
#include "prove/scenario_answer.h"

#include "prove/json_path.h"
#include "prove/pattern.h"

#include "unit.h"

static const char head[] = "Content-Type: application/json\r\n"
                           "Set-Cookie: sid=abc; Path=/; Secure; Max-Age=60\r\n"
                           "Set-Cookie: other=1\r\n"
                           "X-Token: mfs_1/x  \r\n";
static const char body[] = "{\"name\": \"ann\", \"n\": 3, \"half\": 0.5, \"yes\": true, \"none\": null, \"list\": [1, "
                           "\"b\", {\"id\": 7}], \"empty\": []}";

static struct scenario_answer answer_of(const char *text)
{
    return (struct scenario_answer){
        .status = 200, .head = head, .body = text, .length = strlen(text), .url = "http://a/x?y", .took_ms = 12};
}

/* The only entry of a scenario whose response says this. */
static struct scenario_entry *entry_of(struct unit *unit, const char *response)
{
    struct scenario *scenario = arena_zalloc(&unit->arena, sizeof *scenario);
    char *text =
        arena_printf(&unit->arena, "# prove: acknowledges write\n# prove: shows write\nGET {{url}}/x\n%s", response);

    assert_non_null(text);
    if (!scenario_parse(scenario, &unit->arena, "a.hurl", text, strlen(text), &unit->err))
        fail_msg("%s: %s", response, unit->err.detail);
    return STAILQ_FIRST(&scenario->entries);
}

static bool is_right(struct unit *unit, const char *response, const struct scenario_answer *answer,
                     struct scenario_wrong *wrong)
{
    struct variables variables = {.count = 0};
    bool right;

    assert_true(variables_set(&variables, "user", "ann", 3, &unit->err));
    assert_true(variables_set(&variables, "three", "3", 1, &unit->err));
    right = scenario_answer_is_right(entry_of(unit, response), answer, &variables, &unit->arena, wrong);
    variables_free(&variables);
    return right;
}

static void what_is_so_is_right(void **state)
{
    static const char *const asserts[] = {
        "status == 200",
        "status >= 200",
        "status < 201",
        "header \"content-type\" contains \"json\"",
        "header \"Content-Type\" == \"application/json\"",
        "header \"X-Token\" endsWith \"/x\"",
        "header \"Nothing\" not exists",
        "header \"Set-Cookie\" count == 2",
        "cookie \"sid\" == \"abc\"",
        "cookie \"sid[Path]\" == \"/\"",
        "cookie \"sid[Secure]\" exists",
        "cookie \"sid[HttpOnly]\" not exists",
        "cookie \"sid[Max-Age]\" toInt <= 60",
        "cookie \"other\" == \"1\"",
        "cookie \"si\" not exists",
        "body contains \"ann\"",
        "body startsWith \"{\"",
        "bytes count == 105",
        "body matches /\"n\": \\d/",
        "body not matches /^x/",
        "regex \"name\\\": \\\"(\\\\w+)\" == \"ann\"",
        "jsonpath \"$.name\" == \"{{user}}\"",
        "jsonpath \"$.name\" == {{user}}",
        "jsonpath \"$.n\" == {{three}}",
        "jsonpath \"$.name\" != {{three}}",
        "jsonpath \"$.n\" == 3",
        "jsonpath \"$.n\" isInteger",
        "jsonpath \"$.half\" == 0.5",
        "jsonpath \"$.half\" not isInteger",
        "jsonpath \"$.half\" isNumber",
        "jsonpath \"$.yes\" == true",
        "jsonpath \"$.yes\" isBoolean",
        "jsonpath \"$.none\" == null",
        "jsonpath \"$.none\" exists",
        "jsonpath \"$.nothing\" not exists",
        "jsonpath \"$.list\" count == 3",
        "jsonpath \"$.list\" includes \"b\"",
        "jsonpath \"$.list\" includes 1",
        "jsonpath \"$.list\" not includes 2",
        "jsonpath \"$.list\" nth 1 == \"b\"",
        "jsonpath \"$.list[2].id\" == 7",
        "jsonpath \"$['list'][-1].id\" == 7",
        "jsonpath \"$.list[*].id\" count == 1",
        "jsonpath \"$.list[9]\" not exists",
        "jsonpath \"$.empty\" isEmpty",
        "jsonpath \"$.list\" isCollection",
        "jsonpath \"$.name\" isString",
        "jsonpath \"$.name\" regex /a(.)n/ == \"n\"",
        "variable \"user\" == \"ann\"",
        "duration < 1000",
        "url endsWith \"?y\"",
        "sha256 == hex,ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;",
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(asserts); i++) {
        const struct scenario_answer answer = answer_of(strncmp(asserts[i], "sha256", 6) == 0 ? "abc" : body);
        struct scenario_wrong wrong;
        char *response = arena_printf(&unit->arena, "HTTP 200\n[Asserts]\n%s\n", asserts[i]);

        if (!is_right(unit, response, &answer, &wrong))
            fail_msg("%s: %s", asserts[i], wrong.why);
    }
}

static void what_is_not_so_is_wrong_and_says_why(void **state)
{
    static const struct {
        const char *response, *why;
        bool finds_more;
    } wrongs[] = {
        {"HTTP 201\n", "line 3: the status is 200, not 201", false},
        {"HTTP 200\nContent-Type: text/plain\n", "line 5: the header is \"application/json\", not == \"text/plain\"",
         false},
        {"HTTP 200\nSet-Cookie: sid\n", "line 5: the header is a list of 2, not contains \"sid\"", false},
        {"HTTP 200\n[Asserts]\njsonpath \"$.n\" == 2\n", "line 6: jsonpath is 3, and should be == 2", true},
        {"HTTP 200\n[Asserts]\njsonpath \"$.list\" count == 2\n", "line 6: jsonpath is 3, and should be == 2", true},
        {"HTTP 200\n[Asserts]\njsonpath \"$.n\" == 4\n", "line 6: jsonpath is 3, and should be == 4", false},
        {"HTTP 200\n[Asserts]\njsonpath \"$.n\" not == 3\n", "line 6: jsonpath is 3, and should be not == 3", false},
        {"HTTP 200\n[Asserts]\njsonpath \"$.n\" == \"3\"\n", "line 6: jsonpath is 3, and should be == \"3\"", false},
        {"HTTP 200\n[Asserts]\njsonpath \"$.x\" exists\n", "line 6: jsonpath is not there, and should be exists",
         false},
        {"HTTP 200\n[Asserts]\njsonpath \"$.name\" count == {{x}}\n", "line 6: jsonpath: {{x}} has no value", false},
        {"HTTP 200\n[Asserts]\njsonpath \"$.n\" count == 1\n",
         "line 6: jsonpath: count: this is neither a list nor a text", false},
        {"HTTP 200\n[Asserts]\ncookie \"sid[\" exists\n", "line 6: cookie: a cookie is named as", false},
        {"HTTP 200\n[Asserts]\nbody matches \"{{user}}(\"\n", "line 6: body: this is no regular expression: ", false},
        {"HTTP 200\n{\"name\": \"bob\"}\n", "line 5: the body is another JSON document", false},
        {"HTTP 200\n`short`\n", "line 5: the body is another one, of 105 bytes, not 5", false},
    };
    struct unit *unit = *state;
    const struct scenario_answer answer = answer_of(body);
    struct scenario_answer other = answer;
    struct scenario_wrong wrong;

    for (size_t i = 0; i < COUNT(wrongs); i++) {
        if (is_right(unit, wrongs[i].response, &answer, &wrong))
            fail_msg("%s is right", wrongs[i].response);
        assert_contains(wrong.why, wrongs[i].why);
        assert_int_equal(wrong.finds_more, wrongs[i].finds_more);
    }
    other.body = "<html>";
    other.length = 6;
    assert_false(is_right(unit, "HTTP 200\n[Asserts]\njsonpath \"$.a\" exists\n", &other, &wrong));
    assert_contains(wrong.why, "the body is not JSON");
}

static void without_a_response_whatever_is_no_failure_is_right(void **state)
{
    struct unit *unit = *state;
    struct scenario_answer answer = answer_of("");
    struct scenario_wrong wrong;

    answer.status = 302;
    assert_true(is_right(unit, "", &answer, &wrong));
    assert_true(is_right(unit, "HTTP *\n", &answer, &wrong));
    answer.status = 404;
    assert_true(is_right(unit, "HTTP *\n", &answer, &wrong));
    assert_false(is_right(unit, "", &answer, &wrong));
}

static void captures_become_variables(void **state)
{
    static const char response[] =
        "HTTP 200\n[Captures]\ntoken: header \"X-Token\" regex /^(\\w+)\\/x$/\nsid: cookie \"sid\"\n"
        "id: jsonpath \"$.list[2].id\"\nall: jsonpath \"$.list\"\nyes: jsonpath \"$.yes\"\n"
        "half: jsonpath \"$.half\"\nname: regex \"name\\\": \\\"(\\\\w+)\"\n";
    static const char *const wanted[][2] = {{"token", "mfs_1"},
                                            {"sid", "abc"},
                                            {"id", "7"},
                                            {"yes", "true"},
                                            {"half", "0.5"},
                                            {"name", "ann"},
                                            {"all", "[1,\"b\",{\"id\":7}]"}};
    struct unit *unit = *state;
    const struct scenario_answer answer = answer_of(body);
    struct variables variables = {.count = 0};
    struct scenario_wrong wrong;

    if (!scenario_answer_capture(entry_of(unit, response), &answer, &variables, &unit->arena, &wrong))
        fail_msg("%s", wrong.why);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        const struct variable *variable = variables_get(&variables, wanted[i][0]);

        assert_non_null(variable);
        assert_string_equal(variable->bytes, wanted[i][1]);
    }
    assert_false(scenario_answer_capture(entry_of(unit, "HTTP 200\n[Captures]\nx: cookie \"none\"\n"), &answer,
                                         &variables, &unit->arena, &wrong));
    assert_contains(wrong.why, "there is nothing to capture as {{x}}");
    variables_free(&variables);
}

static void texts_are_filled(void **state)
{
    struct unit *unit = *state;
    struct variables variables = {.count = 0};
    struct scenario_entry *entry = entry_of(unit, "");
    char *large = arena_zalloc(&unit->arena, VARIABLE_BYTES_MAX + 1);
    const char *bytes;
    size_t length;

    assert_refused(variables_fill(&variables, &entry->url, &unit->arena, &bytes, &length, &unit->err), &unit->err,
                   ERR_ABSENT, "{{url}} has no value");
    assert_true(variables_set(&variables, "url", "http://a", 8, &unit->err));
    assert_true(variables_fill(&variables, &entry->url, &unit->arena, &bytes, &length, &unit->err));
    assert_string_equal(bytes, "http://a/x");
    assert_true(variables_set(&variables, "url", "b", 1, &unit->err));
    assert_int_equal(variables.count, 1);
    assert_refused(variables_set(&variables, "url", large, VARIABLE_BYTES_MAX + 1, &unit->err), &unit->err, ERR_LARGE,
                   "65536 bytes at most");
    variables_free(&variables);
}

/* An expression that would run for ages is stopped. */
static void patterns_are_bounded(void **state)
{
    struct unit *unit = *state;
    struct pattern *pattern;
    const char *found, text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\xFF";
    size_t length;

    assert_true(pattern_compile(&pattern, &unit->arena, "(?:a+)+$", &unit->err));
    assert_refused(pattern_find(pattern, text, sizeof text - 1, &found, &length, &unit->err), &unit->err, ERR_LARGE,
                   "too many steps");
    /* Newer PCRE2 refuse a match that would end before it begins. */
    if (!pattern_compile(&pattern, &unit->arena, "(?=a\\K)", &unit->err))
        err_clear(&unit->err);
    else
        assert_true(pattern_find(pattern, text, sizeof text - 1, &found, &length, &unit->err) && length == 0);
    assert_refused(pattern_compile(&pattern, &unit->arena, "a(", &unit->err), &unit->err, ERR_INPUT, "at its byte 3");
}

static void wrong_paths_say_where(void **state)
{
    static const char *const wrongs[][2] = {{"a", "character 1: $"},
                                            {"$..a", "character 3: a name or * (.. is not read)"},
                                            {"$.", "character 3: a name or *"},
                                            {"$[1:2]", "character 4: ] (slices"},
                                            {"$[?(@.a)]", "character 3: a number"},
                                            {"$['a", "character 5: a closing quote"},
                                            {"$a", "character 2: . or ["},
                                            {"$[1000001]", "an index is 1000000 at most"}};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct json_path path;

        assert_refused(json_path_parse(&path, &unit->arena, wrongs[i][0], &unit->err), &unit->err, ERR_INPUT,
                       wrongs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(what_is_so_is_right),       PROMISE(what_is_not_so_is_wrong_and_says_why),
        PROMISE(captures_become_variables), PROMISE(without_a_response_whatever_is_no_failure_is_right),
        PROMISE(texts_are_filled),          PROMISE(patterns_are_bounded),
        PROMISE(wrong_paths_say_where),
    };

    return KEEP_PROMISES(promises);
}
