#include "prove/json_path.h"

#include "base/buf.h"

#include <string.h>

enum { INDEX_MAX = 1000000, NAME_BYTES_MAX = 1024 };

/* --- The text */

struct parsing {
    struct json_path *path;
    struct arena *arena;
    const char *text, *at;
    struct err *err;
};

static bool expected(const struct parsing *parsing, const char *what)
{
    return err_set(parsing->err, ERR_INPUT, "JSONPath, character %d: %s is expected here",
                   (int)(parsing->at - parsing->text) + 1, what);
}

static struct json_path_step *add_step(const struct parsing *parsing, enum json_path_step_kind kind)
{
    struct json_path *path = parsing->path;

    if (path->count == JSON_PATH_STEPS_MAX) {
        err_set(parsing->err, ERR_INPUT, "JSONPath: there are more than %d steps", JSON_PATH_STEPS_MAX);
        return NULL;
    }
    path->steps[path->count] = (struct json_path_step){.kind = kind};
    path->finds_many = path->finds_many || kind == JSON_PATH_ALL;
    return &path->steps[path->count++];
}

static bool add_name(const struct parsing *parsing, const char *name, size_t length)
{
    struct json_path_step *step = add_step(parsing, JSON_PATH_NAME);

    if (step == NULL)
        return false;
    step->name = arena_strndup(parsing->arena, name, length);
    step->name_length = length;
    return step->name != NULL || err_memory(parsing->err);
}

/* A name of RFC 9535's shorthand: what is not ASCII is a letter. */
static bool is_name(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80 ||
           (!first && ((c >= '0' && c <= '9') || c == '-'));
}

/* Behind ".". */
static bool parse_short(struct parsing *parsing)
{
    const char *start = parsing->at;

    if (*parsing->at == '*') {
        parsing->at++;
        return add_step(parsing, JSON_PATH_ALL) != NULL;
    }
    if (*parsing->at == '.')
        return expected(parsing, "a name or * (.. is not read)");
    if (!is_name(*parsing->at, true))
        return expected(parsing, "a name or *");
    while (is_name(*parsing->at, false))
        parsing->at++;
    return add_name(parsing, start, (size_t)(parsing->at - start));
}

/* "…" or '…'; a character after a backslash has no special meaning. */
static bool parse_quoted(struct parsing *parsing)
{
    char quote = *parsing->at++;
    struct buf name;

    buf_init(&name, parsing->arena, NAME_BYTES_MAX);
    for (; *parsing->at != quote; parsing->at++) {
        if (*parsing->at == '\\' && parsing->at[1] != '\0')
            parsing->at++;
        if (*parsing->at == '\0')
            return expected(parsing, "a closing quote");
        if (!buf_add(&name, parsing->at, 1))
            return err_set(parsing->err, ERR_INPUT, "JSONPath: a name has %d bytes at most", NAME_BYTES_MAX);
    }
    parsing->at++;
    return add_name(parsing, name.bytes, name.length);
}

static bool parse_index(struct parsing *parsing)
{
    bool negative = *parsing->at == '-';
    int64_t index = 0;
    struct json_path_step *step;

    parsing->at += negative;
    if (*parsing->at < '0' || *parsing->at > '9')
        return expected(parsing, "a number, a name in quotes or * (filters and unions are not read)");
    for (; *parsing->at >= '0' && *parsing->at <= '9'; parsing->at++)
        if ((index = index * 10 + (*parsing->at - '0')) > INDEX_MAX)
            return err_set(parsing->err, ERR_INPUT, "JSONPath: an index is %d at most", INDEX_MAX);
    step = add_step(parsing, JSON_PATH_INDEX);
    if (step == NULL)
        return false;
    step->index = negative ? -index : index;
    return true;
}

/* Behind "[". */
static bool parse_bracket(struct parsing *parsing)
{
    bool ok;

    switch (*parsing->at) {
    case '*':
        parsing->at++;
        ok = add_step(parsing, JSON_PATH_ALL) != NULL;
        break;
    case '"':
    case '\'':
        ok = parse_quoted(parsing);
        break;
    default:
        ok = parse_index(parsing);
    }
    if (!ok)
        return false;
    if (*parsing->at != ']')
        return expected(parsing, "] (slices and unions are not read)");
    parsing->at++;
    return true;
}

bool json_path_parse(struct json_path *path, struct arena *arena, const char *text, struct err *err)
{
    struct parsing parsing = {.path = path, .arena = arena, .text = text, .at = text, .err = err};

    *path = (struct json_path){.count = 0};
    if (*parsing.at != '$')
        return expected(&parsing, "$");
    parsing.at++;
    while (*parsing.at != '\0') {
        char c = *parsing.at++;

        if (c == '.' ? !parse_short(&parsing) : c == '[' && !parse_bracket(&parsing))
            return false;
        if (c != '.' && c != '[') {
            parsing.at--;
            return expected(&parsing, ". or [");
        }
    }
    return true;
}

/* --- The value */

static json_t *element(json_t *array, int64_t index)
{
    int64_t count = (int64_t)json_array_size(array);

    if (index < 0)
        index += count;
    return index >= 0 && index < count ? json_array_get(array, (size_t)index) : NULL;
}

static bool find(const struct json_path *path, size_t step, json_t *value, json_t *into, struct err *err);

static bool find_in_all(const struct json_path *path, size_t step, json_t *value, json_t *into, struct err *err)
{
    json_t *member;
    const char *name;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            if (!find(path, step, member, into, err))
                return false;
        }
    } else {
        json_object_foreach(value, name, member)
        {
            if (!find(path, step, member, into, err))
                return false;
        }
    }
    return true;
}

/* Adds the values that the rest of the path leads to. Recurses once for each step of the path. */
static bool find(const struct json_path *path, size_t step, json_t *value, json_t *into, struct err *err)
{
    for (; step < path->count && value != NULL; step++) {
        const struct json_path_step *one = &path->steps[step];

        if (one->kind == JSON_PATH_ALL)
            return find_in_all(path, step + 1, value, into, err);
        value = one->kind == JSON_PATH_NAME ? json_object_getn(value, one->name, one->name_length)
                                            : element(value, one->index);
    }
    if (value == NULL)
        return true;
    if (json_array_size(into) == JSON_PATH_FOUND_MAX)
        return err_set(err, ERR_LARGE, "a JSONPath finds more than %d values", JSON_PATH_FOUND_MAX);
    return json_array_append(into, value) == 0 || err_memory(err);
}

bool json_path_find(const struct json_path *path, json_t *value, json_t **found, struct err *err)
{
    json_t *all = json_array();

    *found = NULL;
    if (all == NULL)
        return err_memory(err);
    if (!find(path, 0, value, all, err)) {
        json_decref(all);
        return false;
    }
    if (path->finds_many) {
        *found = all;
        return true;
    }
    if (json_array_size(all) == 1)
        *found = json_incref(json_array_get(all, 0));
    json_decref(all);
    return true;
}
