/* The body of a request or a response in a scenario. */
#include "http/json.h"
#include "prove/scenario_proof.h"
#include "prove/scenario_source.h"

#include <string.h>

/* The end of the JSON value that begins at *at, by its brackets and strings; what stands between is looked at later. */
static bool skip_json(struct scenario_source *source, struct scenario_place place)
{
    int depth = 0;
    bool in_string = false;

    do {
        char c = source_peek(source);

        if (source_is_over(source))
            return source_fail_at(source, place, "a bracket of this JSON is not closed");
        if (!in_string && source_take(source, "{{")) {
            while (!source_is_over(source) && source_peek(source) != '\n' && !source_take(source, "}}"))
                source->at++;
            continue;
        }
        source->at++;
        if (c == '\n') {
            source->line++;
            source->line_start = source->at;
        } else if (in_string) {
            if (c == '\\' && !source_is_over(source) && source_peek(source) != '\n')
                source->at++;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > SCENARIO_DEPTH_MAX)
                return source_fail_at(source, place, "JSON has %d brackets inside of each other at most",
                                      SCENARIO_DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    } while (depth > 0);
    return true;
}

/* A body that is JSON only when its variables have values is not checked here; the application does that. */
static bool check_json(struct scenario_source *source, struct scenario_place place, const char *start, size_t length)
{
    json_error_t error;
    json_t *value;

    if (memmem(start, length, "{{", 2) != NULL)
        return true;
    value = json_loadb(start, length, JSON_REJECT_DUPLICATES, &error);
    if (value != NULL) {
        json_decref(value);
        return true;
    }
    return source_fail_at(source,
                          (struct scenario_place){place.line + error.line - 1,
                                                  error.line == 1 ? place.column + error.column - 1 : error.column},
                          "this is not JSON: %s", error.text);
}

static bool parse_json(struct scenario_source *source, struct scenario_body *body)
{
    const char *start = source->at;
    size_t length;

    body->kind = SCENARIO_BODY_JSON;
    if (!skip_json(source, body->place))
        return false;
    length = (size_t)(source->at - start);
    return check_json(source, body->place, start, length) &&
           source_split(source, body->place, start, length, &body->text);
}

bool scenario_body_parse(struct scenario_source *source, struct scenario_body *body)
{
    bool is;

    STAILQ_INIT(&body->text);
    if (!source_next_line(source))
        return false;
    body->place = source_place(source);
    if (source_is_over(source) || (source_peek(source) >= 'A' && source_peek(source) <= 'Z'))
        return true;
    if (!scenario_proof_goes_on(source))
        return false;
    if (!source_bytes(source, &is, &body->bytes, &body->length))
        return false;
    if (is) {
        body->kind = SCENARIO_BODY_BYTES;
        return source_end_line(source);
    }
    if (source_take(source, "file,")) {
        body->kind = SCENARIO_BODY_FILE;
        return source_file_name(source, &body->text) && source_end_line(source);
    }
    switch (source_peek(source)) {
    case '`':
        body->kind = SCENARIO_BODY_TEXT;
        return (source->end - source->at >= 3 && memcmp(source->at, "```", 3) == 0
                    ? source_fenced(source, &body->text)
                    : source_oneline(source, &body->text)) &&
               source_end_line(source);
    case '{':
    case '[':
        return parse_json(source, body) && source_end_line(source);
    case '<':
        return source_fail(source, "XML is not read here; write it between ``` and ```");
    default:
        return true;
    }
}
