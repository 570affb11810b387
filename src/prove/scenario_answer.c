#include "prove/scenario_answer.h"

#include "prove/scenario_predicate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { STATUS_BAD = 400, WORDS_BYTES = 80 };

static bool say_wrong(struct scenario_wrong *why, struct scenario_place place, const char *format, ...)
    PRINTF_LIKE(3, 4);

static bool say_wrong(struct scenario_wrong *why, struct scenario_place place, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(why->why, sizeof why->why, "line %d: ", place.line);

    why->place = place;
    va_start(arguments, format);
    vsnprintf(why->why + used, sizeof why->why - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

/* --- What stands in the response's first lines */

static bool check_status(const struct scenario_entry *entry, const struct scenario_answer *answer,
                         struct scenario_wrong *why)
{
    if (!entry->has_response)
        return answer->status < STATUS_BAD ||
               say_wrong(why, entry->place, "the status is %ld, which says that it was not done", answer->status);
    return entry->status < 0 || answer->status == entry->status ||
           say_wrong(why, entry->place, "the status is %ld, not %d", answer->status, entry->status);
}

/* The header has this value; of one that comes several times, one of them has. */
static bool check_header(const struct look *look, const struct scenario_pair *pair, struct scenario_wrong *why)
{
    struct scenario_query query = {.kind = SCENARIO_HEADER, .place = pair->place, .text = pair->name};
    struct scenario_assert contains = {.predicate = SCENARIO_CONTAINS, .value = {.kind = SCENARIO_STRING}};
    struct err err = {.kind = ERR_NONE};
    struct found found;
    char is[WORDS_BYTES], should[WORDS_BYTES];
    bool holds = false, more;

    contains.value.text = pair->value;
    if (found_query(look, &query, &found, &err)) {
        if (found.kind != FOUND_LIST)
            contains.predicate = SCENARIO_EQUAL;
        if (predicate_holds(look, &contains, &found, &holds, &more, &err) && holds)
            return true;
    }
    if (err.kind != ERR_NONE)
        return say_wrong(why, pair->place, "%.150s", err.detail);
    found_words(&found, is, sizeof is);
    predicate_words(look, &contains, should, sizeof should);
    return say_wrong(why, pair->place, "the header is %s, not %s", is, should);
}

/* --- Asserts */

static const char *const query_words[] = {
    [SCENARIO_STATUS] = "status",     [SCENARIO_HEADER] = "header", [SCENARIO_COOKIE] = "cookie",
    [SCENARIO_BODY] = "body",         [SCENARIO_BYTES] = "bytes",   [SCENARIO_SHA256] = "sha256",
    [SCENARIO_JSONPATH] = "jsonpath", [SCENARIO_REGEX] = "regex",   [SCENARIO_VARIABLE] = "variable",
    [SCENARIO_DURATION] = "duration", [SCENARIO_URL] = "url",
};

static bool check_assert(const struct look *look, const struct scenario_assert *assert, struct scenario_wrong *why)
{
    const char *query = query_words[assert->query.kind];
    struct err err = {.kind = ERR_NONE};
    struct found found;
    char is[WORDS_BYTES], should[WORDS_BYTES];
    bool holds, more;

    if (!found_query(look, &assert->query, &found, &err) || !predicate_holds(look, assert, &found, &holds, &more, &err))
        return say_wrong(why, assert->query.place, "%s: %.150s", query, err.detail);
    if (holds != assert->is_negated)
        return true;
    why->finds_more = more;
    found_words(&found, is, sizeof is);
    predicate_words(look, assert, should, sizeof should);
    return say_wrong(why, assert->query.place, "%s is %s, and should be %s", query, is, should);
}

/* --- The body */

static bool check_json(const struct look *look, const struct scenario_body *body, const char *text, size_t length,
                       struct scenario_wrong *why)
{
    struct err err = {.kind = ERR_NONE};
    json_error_t error;
    json_t *is, *should;
    bool same;

    if (!found_body_json(look, &is, &err))
        return say_wrong(why, body->place, "%.150s", err.detail);
    should = json_loadb(text, length, JSON_DECODE_ANY, &error);
    if (should == NULL)
        return say_wrong(why, body->place, "with its variables' values this is not JSON: %.100s", error.text);
    same = json_equal(is, should) != 0;
    json_decref(should);
    return same || say_wrong(why, body->place, "the body is another JSON document");
}

static bool check_body(const struct look *look, const struct scenario_body *body, struct scenario_wrong *why)
{
    const char *bytes = (const char *)body->bytes;
    size_t length = body->length;
    struct err err = {.kind = ERR_NONE};

    if (body->kind == SCENARIO_NO_BODY)
        return true;
    if (body->kind != SCENARIO_BODY_BYTES &&
        !variables_fill(look->variables, &body->text, look->arena, &bytes, &length, &err))
        return say_wrong(why, body->place, "%.150s", err.detail);
    if (body->kind == SCENARIO_BODY_JSON)
        return check_json(look, body, bytes, length, why);
    return (look->answer->length == length && memcmp(look->answer->body, bytes, length) == 0) ||
           say_wrong(why, body->place, "the body is another one, of %zu bytes, not %zu", look->answer->length, length);
}

bool scenario_answer_is_right(const struct scenario_entry *entry, const struct scenario_answer *answer,
                              const struct variables *variables, struct arena *arena, struct scenario_wrong *why)
{
    const struct look look = {answer, variables, arena};
    const struct scenario_pair *pair;
    const struct scenario_assert *assert;

    *why = (struct scenario_wrong){.finds_more = false};
    if (!check_status(entry, answer, why))
        return false;
    STAILQ_FOREACH(pair, &entry->response_headers, next)
    if (!check_header(&look, pair, why))
        return false;
    STAILQ_FOREACH(assert, &entry->asserts, next)
    if (!check_assert(&look, assert, why))
        return false;
    return check_body(&look, &entry->response_body, why);
}

bool scenario_answer_capture(const struct scenario_entry *entry, const struct scenario_answer *answer,
                             struct variables *variables, struct arena *arena, struct scenario_wrong *why)
{
    const struct look look = {answer, variables, arena};
    const struct scenario_capture *capture;

    *why = (struct scenario_wrong){.finds_more = false};
    STAILQ_FOREACH(capture, &entry->captures, next)
    {
        struct err err = {.kind = ERR_NONE};
        struct found found;
        const char *text;
        size_t length = 0;

        if (!found_query(&look, &capture->query, &found, &err))
            return say_wrong(why, capture->query.place, "%.150s", err.detail);
        if (found.kind == FOUND_NOTHING)
            return say_wrong(why, capture->query.place, "there is nothing to capture as {{%s}}", capture->name);
        text = found_text(&found, arena, &length);
        if (text == NULL || !variables_set(variables, capture->name, text, length, &err))
            return say_wrong(why, capture->query.place, "%.150s", text != NULL ? err.detail : "memory is out");
    }
    return true;
}
