#include "prove/scenario_query.h"

#include "prove/json_path.h"
#include "prove/pattern.h"

#include <stdlib.h>
#include <string.h>

enum { NTH_MAX = 1000000, NUMBER_BYTES_MAX = 40 };

/* What stands behind a query's word. */
enum argument { NO_ARGUMENT, A_TEXT, A_PATTERN, A_PATH };

static const struct {
    const char *word;
    enum scenario_query_kind kind;
    enum argument argument;
} queries[] = {
    {"status", SCENARIO_STATUS, NO_ARGUMENT}, {"header", SCENARIO_HEADER, A_TEXT},
    {"cookie", SCENARIO_COOKIE, A_TEXT},      {"body", SCENARIO_BODY, NO_ARGUMENT},
    {"bytes", SCENARIO_BYTES, NO_ARGUMENT},   {"sha256", SCENARIO_SHA256, NO_ARGUMENT},
    {"jsonpath", SCENARIO_JSONPATH, A_PATH},  {"regex", SCENARIO_REGEX, A_PATTERN},
    {"variable", SCENARIO_VARIABLE, A_TEXT},  {"duration", SCENARIO_DURATION, NO_ARGUMENT},
    {"url", SCENARIO_URL, NO_ARGUMENT},
};

static const char query_words[] =
    "one of status, header, cookie, body, bytes, sha256, jsonpath, regex, variable, duration, url";

static bool take_spaces(struct scenario_source *source)
{
    const char *before = source->at;

    source_skip_spaces(source);
    return source->at > before || source_expected(source, "a space");
}

static bool take_text(struct scenario_source *source, struct scenario_text *text, const char *what)
{
    if (source_peek(source) == '"')
        return source_quoted(source, text);
    return source_expected(source, what);
}

/* The text when no variable is in it; NULL when it is known only later. */
static const char *known_text(const struct scenario_text *text)
{
    const struct scenario_piece *piece = STAILQ_FIRST(text);

    if (piece == NULL)
        return "";
    return piece->is_variable || STAILQ_NEXT(piece, next) != NULL ? NULL : piece->bytes;
}

/* Errors are found when the scenario is read, not when an answer arrives. */
static bool check_pattern(struct scenario_source *source, struct scenario_place place, const struct scenario_text *text)
{
    const char *known = known_text(text);
    struct err err = {.kind = ERR_NONE};
    struct pattern *pattern;

    return known == NULL || pattern_compile(&pattern, source->arena, known, &err) ||
           source_fail_at(source, place, "%.120s", err.detail);
}

static bool take_pattern(struct scenario_source *source, struct scenario_text *text)
{
    struct scenario_place place = source_place(source);

    if (!(source_peek(source) == '/' ? source_pattern(source, text)
                                     : take_text(source, text, "a regular expression, in \"quotes\" or in /slashes/")))
        return false;
    return check_pattern(source, place, text);
}

static bool take_path(struct scenario_source *source, struct scenario_text *text)
{
    struct scenario_place place = source_place(source);
    struct err err = {.kind = ERR_NONE};
    struct json_path path;

    return take_text(source, text, "a JSONPath in \"double quotes\"") &&
           (known_text(text) == NULL || json_path_parse(&path, source->arena, known_text(text), &err) ||
            source_fail_at(source, place, "%.120s", err.detail));
}

static bool take_query(struct scenario_source *source, struct scenario_query *query)
{
    query->place = source_place(source);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        if (!source_take_word(source, queries[i].word))
            continue;
        query->kind = queries[i].kind;
        switch (queries[i].argument) {
        case NO_ARGUMENT:
            return true;
        case A_TEXT:
            return take_spaces(source) && take_text(source, &query->text, "a text in \"double quotes\"");
        case A_PATTERN:
            return take_spaces(source) && take_pattern(source, &query->text);
        case A_PATH:
            return take_spaces(source) && take_path(source, &query->text);
        }
    }
    if (source_take_word(source, "xpath"))
        return source_fail_at(source, query->place, "xpath is not read here; use jsonpath or regex");
    return source_expected(source, query_words);
}

/* Whether a filter stands there. */
static bool take_filter(struct scenario_source *source, struct scenario_filter *filter, bool *is)
{
    *is = true;
    if (source_take_word(source, "count")) {
        filter->kind = SCENARIO_COUNT;
        return true;
    }
    if (source_take_word(source, "toInt")) {
        filter->kind = SCENARIO_TO_INT;
        return true;
    }
    if (source_take_word(source, "nth")) {
        filter->kind = SCENARIO_NTH;
        return take_spaces(source) && source_number(source, NTH_MAX, &filter->nth);
    }
    if (source_take_word(source, "regex")) {
        filter->kind = SCENARIO_FILTER_REGEX;
        return take_spaces(source) && take_pattern(source, &filter->text);
    }
    *is = false;
    return true;
}

bool scenario_query_parse(struct scenario_source *source, struct scenario_query *query)
{
    if (!take_query(source, query))
        return false;
    for (;;) {
        struct scenario_filter filter = {.nth = 0};
        struct scenario_place place;
        bool is;

        source_skip_spaces(source);
        place = source_place(source);
        if (!take_filter(source, &filter, &is))
            return false;
        if (!is)
            return true;
        if (query->filter_count == SCENARIO_FILTERS_MAX)
            return source_fail_at(source, place, "a query has %d filters at most", SCENARIO_FILTERS_MAX);
        query->filters[query->filter_count++] = filter;
    }
}

/* --- Predicates */

/* What may stand behind a predicate. */
enum operand { NOTHING, ANY_VALUE, ORDERED, TEXT_OR_BYTES, PATTERN };

static const struct {
    const char *word;
    enum scenario_predicate_kind kind;
    enum operand operand;
} predicates[] = {
    {"==", SCENARIO_EQUAL, ANY_VALUE},
    {"!=", SCENARIO_NOT_EQUAL, ANY_VALUE},
    {">=", SCENARIO_AT_LEAST, ORDERED},
    {"<=", SCENARIO_AT_MOST, ORDERED},
    {">", SCENARIO_GREATER, ORDERED},
    {"<", SCENARIO_LESS, ORDERED},
    {"startsWith", SCENARIO_STARTS_WITH, TEXT_OR_BYTES},
    {"endsWith", SCENARIO_ENDS_WITH, TEXT_OR_BYTES},
    {"contains", SCENARIO_CONTAINS, ANY_VALUE},
    {"includes", SCENARIO_CONTAINS, ANY_VALUE},
    {"matches", SCENARIO_MATCHES, PATTERN},
    {"exists", SCENARIO_EXISTS, NOTHING},
    {"isEmpty", SCENARIO_IS_EMPTY, NOTHING},
    {"isInteger", SCENARIO_IS_INTEGER, NOTHING},
    {"isNumber", SCENARIO_IS_NUMBER, NOTHING},
    {"isBoolean", SCENARIO_IS_BOOLEAN, NOTHING},
    {"isString", SCENARIO_IS_STRING, NOTHING},
    {"isCollection", SCENARIO_IS_COLLECTION, NOTHING},
};

static const char predicate_words[] =
    "one of ==, !=, >, >=, <, <=, startsWith, endsWith, contains, includes, matches, exists, "
    "isEmpty, isInteger, isNumber, isBoolean, isString, isCollection";

/* -12, 3.5, 1e3; as JSON writes them. */
static bool take_number(struct scenario_source *source, double *number)
{
    char text[NUMBER_BYTES_MAX + 1];
    struct scenario_place place = source_place(source);
    size_t length = 0;
    char *end;

    while (length < NUMBER_BYTES_MAX && source_peek(source) != '\0' &&
           strchr("+-.eE0123456789", source_peek(source)) != NULL)
        text[length++] = *source->at++;
    text[length] = '\0';
    *number = strtod(text, &end);
    return (length > 0 && *end == '\0') || source_fail_at(source, place, "this is not a number");
}

static bool take_value(struct scenario_source *source, struct scenario_value *value)
{
    static const struct {
        const char *word;
        enum scenario_value_kind kind;
    } words[] = {{"null", SCENARIO_NULL}, {"true", SCENARIO_TRUE}, {"false", SCENARIO_FALSE}};
    char c = source_peek(source);
    bool is;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (source_take_word(source, words[i].word)) {
            value->kind = words[i].kind;
            return true;
        }
    if (!source_bytes(source, &is, &value->bytes, &value->length))
        return false;
    if (is) {
        value->kind = SCENARIO_BYTE_STRING;
        return true;
    }
    switch (c) {
    case '"':
        value->kind = SCENARIO_STRING;
        return source_quoted(source, &value->text);
    case '`':
        value->kind = SCENARIO_STRING;
        if (source->end - source->at >= 3 && memcmp(source->at, "```", 3) == 0)
            return source_fenced(source, &value->text);
        return source_oneline(source, &value->text);
    case '/':
        value->kind = SCENARIO_PATTERN;
        return source_pattern(source, &value->text);
    case '{':
        value->kind = SCENARIO_OF_VARIABLE;
        return source_variable(source, &value->text);
    default:
        value->kind = SCENARIO_NUMBER;
        if (c == '-' || (c >= '0' && c <= '9'))
            return take_number(source, &value->number);
        return source_expected(
            source, "a value: \"text\", `text`, a number, true, false, null, {{variable}}, hex,…; or base64,…;");
    }
}

static bool fits(enum operand operand, enum scenario_value_kind kind)
{
    switch (operand) {
    case NOTHING:
        return kind == SCENARIO_NO_VALUE;
    case ANY_VALUE:
        return kind != SCENARIO_PATTERN;
    case ORDERED:
        return kind == SCENARIO_NUMBER || kind == SCENARIO_OF_VARIABLE || kind == SCENARIO_STRING;
    case TEXT_OR_BYTES:
        return kind == SCENARIO_STRING || kind == SCENARIO_OF_VARIABLE || kind == SCENARIO_BYTE_STRING;
    case PATTERN:
        return kind == SCENARIO_PATTERN || kind == SCENARIO_STRING;
    }
    return false;
}

bool scenario_predicate_parse(struct scenario_source *source, struct scenario_assert *assert)
{
    assert->is_negated = source_take_word(source, "not");
    if (assert->is_negated && !take_spaces(source))
        return false;
    for (size_t i = 0; i < sizeof predicates / sizeof predicates[0]; i++) {
        const char *word = predicates[i].word;
        bool is_sign = strchr("=!<>", word[0]) != NULL;
        struct scenario_place place;

        if (!(is_sign ? source_take(source, word) : source_take_word(source, word)))
            continue;
        assert->predicate = predicates[i].kind;
        if (predicates[i].operand == NOTHING)
            return true;
        if (is_sign)
            source_skip_spaces(source);
        else if (!take_spaces(source))
            return false;
        place = source_place(source);
        return take_value(source, &assert->value) &&
               (fits(predicates[i].operand, assert->value.kind) ||
                source_fail_at(source, place, "such a value does not go with %s", word)) &&
               (predicates[i].operand != PATTERN || check_pattern(source, place, &assert->value.text));
    }
    return source_expected(source, predicate_words);
}
