#include "prove/scenario.h"

#include "base/utf8.h"
#include "prove/scenario_proof.h"
#include "prove/scenario_query.h"

#include <string.h>

enum { METHOD_BYTES_MAX = 32, STATUS_MOST = 599 };

/* --- Lines of names and values */

static struct scenario_pair *new_pair(struct scenario_source *source, struct scenario_pairs *pairs)
{
    struct scenario_pair *pair = arena_zalloc(source->arena, sizeof *pair);

    if (pair == NULL) {
        err_memory(source->err);
        return NULL;
    }
    pair->place = source_place(source);
    STAILQ_INIT(&pair->name);
    STAILQ_INIT(&pair->value);
    STAILQ_INIT(&pair->type);
    STAILQ_INSERT_TAIL(pairs, pair, next);
    return pair;
}

static bool parse_pair(struct scenario_source *source, struct scenario_pairs *pairs)
{
    struct scenario_pair *pair = new_pair(source, pairs);

    return pair != NULL && source_key(source, &pair->name) && source_take(source, ":") &&
           source_until_end(source, &pair->value) && source_end_line(source);
}

/* "name: value", or "name: file,photo.png; image/png". */
static bool parse_part(struct scenario_source *source, struct scenario_pairs *pairs)
{
    struct scenario_pair *pair = new_pair(source, pairs);

    if (pair == NULL || !source_key(source, &pair->name) || !source_take(source, ":"))
        return false;
    source_skip_spaces(source);
    pair->is_file = source_take(source, "file,");
    return (pair->is_file ? source_file_name(source, &pair->value) && source_until_end(source, &pair->type)
                          : source_until_end(source, &pair->value)) &&
           source_end_line(source);
}

/* Whether another line of a section begins here: not a section, not a body, not a request or a response. */
static bool is_pair(const struct scenario_source *source)
{
    const char *at = source->at;

    if (source_is_over(source) || strchr("[{`<", *at) != NULL)
        return false;
    while (at < source->end && *at != '\n' && *at != ' ' && *at != '\t' && *at != ':')
        at++;
    while (at < source->end && (*at == ' ' || *at == '\t'))
        at++;
    return at < source->end && *at == ':';
}

static bool parse_pairs(struct scenario_source *source, struct scenario_pairs *pairs,
                        bool (*parse)(struct scenario_source *, struct scenario_pairs *))
{
    for (;;) {
        if (!source_next_line(source))
            return false;
        if (!is_pair(source))
            return true;
        if (!scenario_proof_goes_on(source) || !parse(source, pairs))
            return false;
    }
}

/* --- Requests */

static bool parse_basic(struct scenario_source *source, struct scenario_entry *entry)
{
    if (!source_next_line(source))
        return false;
    entry->has_basic = true;
    return source_key(source, &entry->user) && source_take(source, ":") && source_until_end(source, &entry->password) &&
           source_end_line(source);
}

static bool parse_options(struct scenario_source *source, struct scenario_entry *entry)
{
    for (;;) {
        bool yes;

        if (!source_next_line(source))
            return false;
        if (!is_pair(source))
            return true;
        if (!source_take_word(source, "location"))
            return source_expected(source, "location (no other option is read here)");
        source_skip_spaces(source);
        if (!source_take(source, ":"))
            return source_expected(source, "a colon");
        source_skip_spaces(source);
        yes = source_take_word(source, "true");
        if (!yes && !source_take_word(source, "false"))
            return source_expected(source, "true or false");
        entry->follows = yes;
        if (!source_end_line(source))
            return false;
    }
}

static const char request_sections[] = "[Query], [Form], [Multipart], [Cookies], [BasicAuth] or [Options]";

static bool parse_request_section(struct scenario_source *source, struct scenario_entry *entry)
{
    struct scenario_pairs *pairs = NULL;
    struct scenario_place place;
    bool (*parse)(struct scenario_source *, struct scenario_pairs *) = parse_pair;

    if (source_take(source, "[QueryStringParams]") || source_take(source, "[Query]")) {
        pairs = &entry->query;
    } else if (source_take(source, "[FormParams]") || source_take(source, "[Form]")) {
        pairs = &entry->form;
    } else if (source_take(source, "[MultipartFormData]") || source_take(source, "[Multipart]")) {
        pairs = &entry->multipart;
        parse = parse_part;
    } else if (source_take(source, "[Cookies]")) {
        pairs = &entry->cookies;
    }
    if (pairs != NULL)
        return source_end_line(source) && parse_pairs(source, pairs, parse);
    if (source_take(source, "[BasicAuth]"))
        return source_end_line(source) && parse_basic(source, entry);
    if (source_take(source, "[Options]"))
        return source_end_line(source) && parse_options(source, entry);
    place = source_place(source);
    if (source_take(source, "[Captures]") || source_take(source, "[Asserts]"))
        return source_fail_at(source, place, "this section belongs behind the response's line, such as HTTP 200");
    return source_expected(source, request_sections);
}

/* A section begins with a letter; "[" is otherwise the beginning of a JSON body. */
static bool is_section(const struct scenario_source *source)
{
    return source->end - source->at >= 2 && source->at[0] == '[' && source->at[1] >= 'A' && source->at[1] <= 'Z';
}

static bool parse_method(struct scenario_source *source, struct scenario_entry *entry)
{
    const char *start = source->at;

    while (source_peek(source) >= 'A' && source_peek(source) <= 'Z')
        source->at++;
    if (source->at == start || source->at - start > METHOD_BYTES_MAX || source_peek(source) != ' ') {
        source->at = start;
        return source_expected(source, "a request, such as GET {{url}}/cart");
    }
    entry->method = arena_strndup(source->arena, start, (size_t)(source->at - start));
    return entry->method != NULL || err_memory(source->err);
}

static bool parse_request(struct scenario_source *source, struct scenario_entry *entry)
{
    if (!parse_method(source, entry) || !source_until_end(source, &entry->url))
        return false;
    if (STAILQ_EMPTY(&entry->url))
        return source_expected(source, "an address, such as {{url}}/cart");
    if (!source_end_line(source) || !parse_pairs(source, &entry->headers, parse_pair))
        return false;
    while (is_section(source))
        if (!scenario_proof_goes_on(source) || !parse_request_section(source, entry))
            return false;
    if (!scenario_body_parse(source, &entry->body))
        return false;
    if ((entry->body.kind != SCENARIO_NO_BODY) + !STAILQ_EMPTY(&entry->form) + !STAILQ_EMPTY(&entry->multipart) > 1)
        return source_fail_at(source, entry->place,
                              "a request has one body: a form, a multipart form, or what stands below them");
    return true;
}

/* --- Responses */

static bool parse_captures(struct scenario_source *source, struct scenario_entry *entry)
{
    for (;;) {
        struct scenario_capture *capture;

        if (!source_next_line(source))
            return false;
        if (!is_pair(source))
            return true;
        if (!scenario_proof_goes_on(source))
            return false;
        capture = arena_zalloc(source->arena, sizeof *capture);
        if (capture == NULL)
            return err_memory(source->err);
        STAILQ_INIT(&capture->query.text);
        capture->name = source_name(source);
        if (capture->name == NULL)
            return false;
        source_skip_spaces(source);
        if (!source_take(source, ":"))
            return source_expected(source, "a colon");
        source_skip_spaces(source);
        if (!scenario_query_parse(source, &capture->query) || !source_end_line(source))
            return false;
        STAILQ_INSERT_TAIL(&entry->captures, capture, next);
    }
}

static bool is_assert(const struct scenario_source *source)
{
    return source_peek(source) >= 'a' && source_peek(source) <= 'z';
}

static bool parse_asserts(struct scenario_source *source, struct scenario_entry *entry)
{
    for (;;) {
        struct scenario_assert *assert;

        if (!source_next_line(source))
            return false;
        if (!is_assert(source))
            return true;
        if (!scenario_proof_goes_on(source))
            return false;
        assert = arena_zalloc(source->arena, sizeof *assert);
        if (assert == NULL)
            return err_memory(source->err);
        STAILQ_INIT(&assert->query.text);
        STAILQ_INIT(&assert->value.text);
        if (!scenario_query_parse(source, &assert->query) || !scenario_predicate_parse(source, assert) ||
            !source_end_line(source))
            return false;
        STAILQ_INSERT_TAIL(&entry->asserts, assert, next);
    }
}

/* "HTTP 200", "HTTP/1.1 200", "HTTP *". False with err->kind ERR_NONE: no response stands here. */
static bool parse_status(struct scenario_source *source, struct scenario_entry *entry)
{
    static const char *const versions[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3", "HTTP"};
    int64_t status;
    size_t i = 0;

    while (i < sizeof versions / sizeof versions[0] && !source_take(source, versions[i]))
        i++;
    if (source_peek(source) != ' ')
        return source_expected(source, "HTTP and a status, such as HTTP 200");
    source_skip_spaces(source);
    entry->status = -1;
    if (source_take(source, "*"))
        return source_end_line(source);
    if (!source_number(source, STATUS_MOST, &status))
        return false;
    entry->status = (int)status;
    return source_end_line(source);
}

static bool parse_response(struct scenario_source *source, struct scenario_entry *entry)
{
    entry->has_response = source->end - source->at >= 4 && memcmp(source->at, "HTTP", 4) == 0;
    if (!entry->has_response)
        return true;
    if (!scenario_proof_goes_on(source) || !parse_status(source, entry) ||
        !parse_pairs(source, &entry->response_headers, parse_pair))
        return false;
    while (is_section(source)) {
        if (!scenario_proof_goes_on(source))
            return false;
        if (source_take(source, "[Captures]")) {
            if (!source_end_line(source) || !parse_captures(source, entry))
                return false;
        } else if (source_take(source, "[Asserts]")) {
            if (!source_end_line(source) || !parse_asserts(source, entry))
                return false;
        } else {
            return source_expected(source, "[Captures] or [Asserts]");
        }
    }
    if (!scenario_body_parse(source, &entry->response_body))
        return false;
    return entry->response_body.kind != SCENARIO_BODY_FILE ||
           source_fail_at(source, entry->response_body.place,
                          "an answer is not compared with a file here; assert its sha256");
}

/* --- All of it */

static struct scenario_entry *new_entry(struct scenario_source *source, struct scenario *scenario)
{
    struct scenario_entry *entry = arena_zalloc(source->arena, sizeof *entry);

    if (entry == NULL) {
        err_memory(source->err);
        return NULL;
    }
    entry->place = source_place(source);
    entry->status = -1;
    STAILQ_INIT(&entry->url);
    STAILQ_INIT(&entry->headers);
    STAILQ_INIT(&entry->query);
    STAILQ_INIT(&entry->form);
    STAILQ_INIT(&entry->multipart);
    STAILQ_INIT(&entry->cookies);
    STAILQ_INIT(&entry->user);
    STAILQ_INIT(&entry->password);
    STAILQ_INIT(&entry->body.text);
    STAILQ_INIT(&entry->response_headers);
    STAILQ_INIT(&entry->captures);
    STAILQ_INIT(&entry->asserts);
    STAILQ_INIT(&entry->response_body.text);
    STAILQ_INIT(&entry->parts);
    STAILQ_INSERT_TAIL(&scenario->entries, entry, next);
    scenario->entry_count++;
    return entry;
}

/* Whether a line of the proof belongs to a request that does not follow. */
static bool check_all_said(struct scenario_source *source, const struct scenario_proof *proof)
{
    return proof->place.line == 0 ||
           source_fail_at(source, proof->place, "no request follows, of which this could be said");
}

static bool parse_entries(struct scenario_source *source, struct scenario *scenario)
{
    struct scenario_proof proof;

    source->comment = scenario_proof_parse;
    source->comment_arg = &proof;
    scenario_proof_begin(&proof, scenario);
    for (;;) {
        struct scenario_entry *entry;

        if (!source_next_line(source))
            return false;
        if (source_is_over(source))
            return check_all_said(source, &proof);
        if (scenario->entry_count == SCENARIO_ENTRIES_MAX)
            return source_fail(source, "a scenario has %d requests at most", SCENARIO_ENTRIES_MAX);
        entry = new_entry(source, scenario);
        if (entry == NULL)
            return false;
        STAILQ_CONCAT(&entry->parts, &proof.parts);
        entry->may_repeat = proof.may_repeat;
        scenario_proof_begin(&proof, scenario);
        if (!parse_request(source, entry) || !parse_response(source, entry))
            return false;
    }
}

/* A NUL, or a byte that is not UTF-8, is told at its place; of what is read afterwards every byte may be shown. */
static bool check_text(struct scenario_source *source)
{
    size_t length = (size_t)(source->end - source->at), good = utf8_check(source->at, length);
    const char *nul = memchr(source->at, '\0', good);
    struct scenario_source wrong = *source;

    if (good == length && nul == NULL)
        return true;
    wrong.at = nul != NULL ? nul : source->at + good;
    for (const char *c = source->at; c < wrong.at; c++)
        if (*c == '\n') {
            wrong.line++;
            wrong.line_start = c + 1;
        }
    return source_fail(&wrong, "this byte is not UTF-8 text");
}

bool scenario_parse(struct scenario *scenario, struct arena *arena, const char *file, const char *text, size_t length,
                    struct err *err)
{
    struct scenario_source source = {
        .arena = arena, .file = file, .at = text, .end = text + length, .line_start = text, .line = 1, .err = err};

    *scenario = (struct scenario){.file = file};
    STAILQ_INIT(&scenario->entries);
    if (length > SCENARIO_BYTES_MAX)
        return err_set(err, ERR_LARGE, "%s: a scenario has %d bytes at most; larger bodies go to files, as file,name;",
                       file, SCENARIO_BYTES_MAX);
    (void)source_take(&source, "\xEF\xBB\xBF");
    return check_text(&source) && parse_entries(&source, scenario) && scenario_proof_check(scenario, &source);
}
