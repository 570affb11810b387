/*
 * Scenarios of mayfly-prove: what is read of the format of Hurl, the proof's own words in comments, and where an error
 * is said to be.
 */
#include "prove/scenario.h"

#include "base/buf.h"

#include "unit.h"

static bool parse(struct unit *unit, const char *text, struct scenario *scenario)
{
    return scenario_parse(scenario, &unit->arena, "cart.hurl", text, strlen(text), &unit->err);
}

/* A text as it was written, its variables in {braces}. */
static const char *shown(struct unit *unit, const struct scenario_text *text)
{
    const struct scenario_piece *piece;
    char *all = arena_strdup(&unit->arena, "");

    STAILQ_FOREACH(piece, text, next)
    all = arena_printf(&unit->arena, piece->is_variable ? "%s{%s}" : "%s%s", all, piece->bytes);
    return all;
}

#define assert_shown(text, expected) assert_string_equal(shown(unit, text), expected)

#define LEAST "# prove: acknowledges write\nPUT {{url}}/n\nHTTP 200\n# prove: shows write\nGET {{url}}/n\nHTTP 200\n"

static struct scenario_entry *entry_at(struct scenario *scenario, size_t index)
{
    struct scenario_entry *entry = STAILQ_FIRST(&scenario->entries);

    while (index-- > 0)
        entry = STAILQ_NEXT(entry, next);
    return entry;
}

static void a_whole_scenario_is_read(void **state)
{
    static const char text[] = "# A cart.\n"
                               "# prove: worker-header X-Served-By\n"
                               "# prove: outage 502 503\n"
                               "\n"
                               "# prove: acknowledges session\n"
                               "POST {{url}}/login   # comes with each run\n"
                               "Accept: application/json\n"
                               "[Options]\n"
                               "location: true\n"
                               "[Form]\n"
                               "user: {{user}}\n"
                               "password: a\\#b c\n"
                               "HTTP/1.1 302\n"
                               "Location: /home\n"
                               "[Captures]\n"
                               "token: header \"X-Token\" regex /^(\\w+)\\/x$/\n"
                               "[Asserts]\n"
                               "cookie \"sid\" exists\n"
                               "\n"
                               "# prove: shows session\n"
                               "GET {{url}}/me\n"
                               "[Query]\n"
                               "full: yes\n"
                               "HTTP 200\n"
                               "[Asserts]\n"
                               "jsonpath \"$.name\" == \"{{user}}\"\n"
                               "jsonpath \"$.roles\" not includes \"admin\"\n"
                               "jsonpath \"$.n\" toInt >= -1.5e2\n"
                               "body nth 2 != {{token}}\n"
                               "duration < 1000\n"
                               "\n"
                               "# prove: acknowledges write cart\n"
                               "# prove: repeatable\n"
                               "PUT {{url}}/cart\n"
                               "{\"items\": [{{turn}}, \"}{{user}}\"]}\n"
                               "HTTP *\n"
                               "\n"
                               "# prove: shows write cart\n"
                               "GET {{url}}/cart\n"
                               "HTTP 200\n"
                               "`{\"ok\": true}`\n"
                               "# prove: undoes session\n"
                               "# prove: undoes write cart\n"
                               "DELETE {{url}}/me\n";
    struct unit *unit = *state;
    struct scenario scenario;
    struct scenario_entry *entry;
    struct scenario_assert *assert;

    if (!parse(unit, text, &scenario))
        fail_msg("%s", unit->err.detail);
    assert_int_equal(scenario.entry_count, 5);
    assert_string_equal(scenario.worker_header, "X-Served-By");
    assert_int_equal(scenario.outage_count, 2);
    assert_int_equal(scenario.outage[1], 503);

    entry = entry_at(&scenario, 0);
    assert_string_equal(entry->method, "POST");
    assert_shown(&entry->url, "{url}/login");
    assert_shown(&STAILQ_FIRST(&entry->headers)->value, "application/json");
    assert_true(entry->follows && !entry->may_repeat);
    assert_shown(&STAILQ_FIRST(&entry->form)->value, "{user}");
    assert_shown(&STAILQ_NEXT(STAILQ_FIRST(&entry->form), next)->value, "a#b c");
    assert_int_equal(entry->status, 302);
    assert_shown(&STAILQ_FIRST(&entry->response_headers)->name, "Location");
    assert_string_equal(STAILQ_FIRST(&entry->captures)->name, "token");
    assert_shown(&STAILQ_FIRST(&entry->captures)->query.filters[0].text, "^(\\w+)/x$");
    assert_int_equal(STAILQ_FIRST(&entry->asserts)->predicate, SCENARIO_EXISTS);
    assert_int_equal(STAILQ_FIRST(&entry->parts)->effect, SCENARIO_SESSION);

    entry = entry_at(&scenario, 1);
    assert_shown(&STAILQ_FIRST(&entry->query)->name, "full");
    assert = STAILQ_FIRST(&entry->asserts);
    assert_int_equal(assert->query.kind, SCENARIO_JSONPATH);
    assert_shown(&assert->value.text, "{user}");
    assert = STAILQ_NEXT(assert, next);
    assert_true(assert->is_negated && assert->predicate == SCENARIO_CONTAINS);
    assert = STAILQ_NEXT(assert, next);
    assert_int_equal(assert->query.filters[0].kind, SCENARIO_TO_INT);
    assert_true(assert->value.number > -151 && assert->value.number < -149);
    assert = STAILQ_NEXT(assert, next);
    assert_int_equal(assert->query.filters[0].nth, 2);
    assert_int_equal(assert->value.kind, SCENARIO_OF_VARIABLE);

    entry = entry_at(&scenario, 2);
    assert_true(entry->may_repeat);
    assert_string_equal(STAILQ_FIRST(&entry->parts)->name, "cart");
    assert_int_equal(entry->body.kind, SCENARIO_BODY_JSON);
    assert_shown(&entry->body.text, "{\"items\": [{turn}, \"}{user}\"]}");
    assert_int_equal(entry->status, -1);

    entry = entry_at(&scenario, 3);
    assert_shown(&entry->response_body.text, "{\"ok\": true}");
    entry = entry_at(&scenario, 4);
    assert_false(entry->has_response);
    assert_int_equal(STAILQ_FIRST(&entry->parts)->kind, SCENARIO_UNDOES);
    assert_string_equal(STAILQ_NEXT(STAILQ_FIRST(&entry->parts), next)->name, "cart");
}

static void bodies_are_of_every_kind(void **state)
{
    static const struct {
        const char *body;
        enum scenario_body_kind kind;
        const char *text;
    } bodies[] = {
        {"```\none\n{{two}}\n```", SCENARIO_BODY_TEXT, "one\n{two}\n"},
        {"```json\n{}\n```", SCENARIO_BODY_TEXT, "{}\n"},
        {"`one line with {{a}} and \\u{1F600}`", SCENARIO_BODY_TEXT, "one line with {a} and \xF0\x9F\x98\x80"},
        {"[1,\n 2]", SCENARIO_BODY_JSON, "[1,\n 2]"},
        {"{\"a\": \"\\\"}\"}", SCENARIO_BODY_JSON, "{\"a\": \"\\\"}\"}"},
        {"file,photo one.png;", SCENARIO_BODY_FILE, "photo one.png"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(bodies); i++) {
        char text[512];
        struct scenario scenario;

        snprintf(text, sizeof text, LEAST "POST {{url}}/x\n%s\nHTTP 200\n", bodies[i].body);
        if (!parse(unit, text, &scenario))
            fail_msg("%s: %s", bodies[i].body, unit->err.detail);
        assert_int_equal(entry_at(&scenario, 2)->body.kind, bodies[i].kind);
        assert_shown(&entry_at(&scenario, 2)->body.text, bodies[i].text);
        assert_int_equal(entry_at(&scenario, 2)->status, 200);
    }
}

static void bytes_are_hexadecimal_or_base64(void **state)
{
    struct unit *unit = *state;
    struct scenario scenario;

    assert_true(parse(unit, LEAST "POST {{url}}/x\nhex,00 ff\n 10;\n", &scenario));
    assert_int_equal(entry_at(&scenario, 2)->body.length, 3);
    assert_memory_equal(entry_at(&scenario, 2)->body.bytes, "\x00\xFF\x10", 3);
    assert_true(parse(unit, LEAST "POST {{url}}/x\nbase64,AP8=;\n", &scenario));
    assert_memory_equal(entry_at(&scenario, 2)->body.bytes, "\x00\xFF", 2);
}

static void parts_may_be_files(void **state)
{
    struct unit *unit = *state;
    struct scenario scenario;
    struct scenario_pair *part;

    assert_true(parse(unit, LEAST "POST {{url}}/x\n[Multipart]\nname: a; b\nfile: file,a.png; image/png\n", &scenario));
    part = STAILQ_FIRST(&entry_at(&scenario, 2)->multipart);
    assert_shown(&part->value, "a; b");
    part = STAILQ_NEXT(part, next);
    assert_true(part->is_file);
    assert_shown(&part->value, "a.png");
    assert_shown(&part->type, "image/png");
}

/* Each error is at its place. */
static void an_error_says_where_and_what(void **state)
{
    static const struct {
        const char *text, *error;
    } wrongs[] = {
        {"", "cart.hurl:1:1: no request says"},
        {"get {{url}}\n", "cart.hurl:1:1: a request, such as GET {{url}}/cart is expected here, not \"get {{url}}\""},
        {"GET\n", "cart.hurl:1:1: a request"},
        {"GET   \n", "an address, such as {{url}}/cart is expected here, where the line ends"},
        {"GET {{url\n", "cart.hurl:1:10: \"}}\" (functions and filters"},
        {"GET {{1}}\n", "cart.hurl:1:7: a name"},
        {"GET x\nA: b\n[Asserts]\n", "cart.hurl:3:1: this section belongs behind the response's line"},
        {"GET x\n[Option]\n", "cart.hurl:2:1: [Query], [Form]"},
        {"GET x\n[Options]\nretry: 3\n", "cart.hurl:3:1: location (no other option"},
        {"GET x\n[Options]\nlocation: maybe\n", "cart.hurl:3:11: true or false"},
        {"GET x\nHTTP\n", "cart.hurl:2:5: HTTP and a status"},
        {"GET x\nHTTP 600\n", "cart.hurl:2:6: a number of at most 599"},
        {"GET x\nHTTP 200\n[Asserts]\nxpath \"//a\" exists\n", "cart.hurl:4:1: xpath is not read here"},
        {"GET x\nHTTP 200\n[Asserts]\nstatus is 200\n", "cart.hurl:4:8: one of ==, !="},
        {"GET x\nHTTP 200\n[Asserts]\nstatus > true\n", "cart.hurl:4:10: such a value does not go with >"},
        {"GET x\nHTTP 200\n[Asserts]\nstatus == 20x\n", "cart.hurl:4:13: the end of the line"},
        {"GET x\nHTTP 200\n[Asserts]\nbody contains \"a\n",
         "cart.hurl:4:15: a text in \"double quotes\" is not closed"},
        {"GET x\nHTTP 200\n[Captures]\na header \"b\"\n", "cart.hurl:4:1:"},
        {"POST x\n{\"a\": 1,}\n", "cart.hurl:2:9: this is not JSON"},
        {"POST x\n{\"a\":\n tru}\n", "cart.hurl:3:4: this is not JSON"},
        {"POST x\n{\"a\": [1}\n", "cart.hurl:2:1: a bracket of this JSON is not closed"},
        {"POST x\n{\"a\": 1\n", "cart.hurl:2:1: a bracket of this JSON is not closed"},
        {"POST x\n<a/>\n", "cart.hurl:2:1: XML is not read here"},
        {"POST x\n```\nabc\n", "cart.hurl:2:1: ``` is not closed"},
        {"POST x\n[Form]\na: b\n`c`\n", "cart.hurl:1:1: a request has one body"},
        {"POST x\nhex,0g;\n", "cart.hurl:2:1: this is not hexadecimal"},
        {"POST x\nbase64,A;\n", "cart.hurl:2:1: this is not base64"},
        {"GET x\nHTTP 200\n[Asserts]\njsonpath \"$..a\" exists\n", "cart.hurl:4:10: JSONPath, character 3"},
        {"GET x\nHTTP 200\n[Asserts]\nregex /a(/ exists\n", "cart.hurl:4:7: this is no regular expression: "},
        {"GET x\nHTTP 200\n[Asserts]\nbody matches \"a(\"\n", "cart.hurl:4:14: this is no regular expression: "},
        {"GET x\nHTTP 200\nfile,a;\n", "cart.hurl:3:1: an answer is not compared with a file"},
        {"# prove: shows cart\n", "cart.hurl:1:16: session, write or upload"},
        {"# prove: acknowledge write\n", "cart.hurl:1:10: acknowledges, shows, undoes"},
        {"# prove: acknowledges write\n", "cart.hurl:1:10: no request follows"},
        {"# prove: acknowledges write\nGET x\n", "cart.hurl:1:10: no request shows the write \"write\""},
        {"# prove: shows write a\nGET x\n", "cart.hurl:1:10: no request acknowledges the write \"a\""},
        {"# prove: outage 99\nGET x\n", "cart.hurl:1:17: a status from 100"},
        {"# prove: worker-header\nGET x\n", "cart.hurl:1:23: the name of the header"},
        {LEAST "# prove: acknowledges write\nGET x\n",
         "cart.hurl:7:10: line 1 acknowledges the write \"write\" already"},
        {"GET x\n# prove: repeatable\nA: b\n", "cart.hurl:2:10: this stands within a request"},
        {"GET x\n\xFF\n", "cart.hurl:2:1: this byte is not UTF-8"},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct scenario scenario;

        err_clear(&unit->err);
        if (parse(unit, wrongs[i].text, &scenario))
            fail_msg("%s: is read", wrongs[i].text);
        if (unit->err.kind != ERR_INPUT || strstr(unit->err.detail, wrongs[i].error) == NULL)
            fail_msg("%s: %s, not %s", wrongs[i].text, unit->err.detail, wrongs[i].error);
    }
}

static void sizes_are_bounded(void **state)
{
    struct unit *unit = *state;
    struct scenario scenario;
    struct buf text;
    char deep[6 + SCENARIO_DEPTH_MAX + 1];

    buf_init(&text, &unit->arena, 2 * SCENARIO_BYTES_MAX);
    assert_true(buf_add_string(&text, LEAST));
    for (int i = 2; i < SCENARIO_ENTRIES_MAX; i++)
        assert_true(buf_add_string(&text, "GET x\n"));
    assert_true(scenario_parse(&scenario, &unit->arena, "a", text.bytes, text.length, &unit->err));
    assert_int_equal(scenario.entry_count, SCENARIO_ENTRIES_MAX);
    assert_true(buf_add_string(&text, "GET x\n"));
    assert_refused(scenario_parse(&scenario, &unit->arena, "a", text.bytes, text.length, &unit->err), &unit->err,
                   ERR_INPUT, "256 requests at most");
    memset(deep, '[', sizeof deep);
    memcpy(deep, "PUT x\n", 6);
    assert_refused(scenario_parse(&scenario, &unit->arena, "a", deep, sizeof deep, &unit->err), &unit->err, ERR_INPUT,
                   "a:2:1: JSON has 64 brackets inside of each other at most");
    assert_refused(scenario_parse(&scenario, &unit->arena, "a", text.bytes, SCENARIO_BYTES_MAX + 1, &unit->err),
                   &unit->err, ERR_LARGE, "1048576 bytes at most");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_whole_scenario_is_read),        PROMISE(bodies_are_of_every_kind),
        PROMISE(bytes_are_hexadecimal_or_base64), PROMISE(parts_may_be_files),
        PROMISE(an_error_says_where_and_what),    PROMISE(sizes_are_bounded),
    };

    return KEEP_PROMISES(promises);
}
