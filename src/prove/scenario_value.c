#include "prove/scenario_value.h"

#include "base/buf.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "prove/json_path.h"
#include "prove/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COOKIE_NAME_BYTES_MAX = 256, NUMBER_BYTES = 40, SHOWN_BYTES = 40 };

static struct found text_found(const char *bytes, size_t length)
{
    return (struct found){.kind = FOUND_TEXT, .bytes = bytes, .length = length};
}

static struct found number_found(double number)
{
    return (struct found){.kind = FOUND_NUMBER, .number = number, .is_integer = true};
}

struct found found_json(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return (struct found){.kind = FOUND_LIST, .list = json};
    case JSON_STRING:
        return text_found(json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return number_found((double)json_integer_value(json));
    case JSON_REAL:
        return (struct found){.kind = FOUND_NUMBER, .number = json_real_value(json)};
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct found){.kind = FOUND_BOOLEAN, .yes = json_is_true(json)};
    case JSON_NULL:
        break;
    }
    return (struct found){.kind = FOUND_NULL};
}

bool found_body_json(const struct look *look, json_t **json, struct err *err)
{
    struct err why = {.kind = ERR_NONE};

    return json_read(look->arena, look->answer->body, look->answer->length, json, &why) ||
           err_set(err, ERR_INPUT, "the body is not JSON: %.100s", why.detail);
}

/* --- Headers and cookies */

/* The next value of this header behind *at, a line of the head; NULL: there is no further one. */
static const char *next_header(const char **at, const char *name, size_t name_length, size_t *length)
{
    while (**at != '\0') {
        const char *line = *at, *end = line + strcspn(line, "\n");

        *at = *end == '\0' ? end : end + 1;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        line += name_length + 1;
        line += strspn(line, " \t");
        while (end > line && strchr(" \t\r\n", end[-1]) != NULL)
            end--;
        *length = end > line ? (size_t)(end - line) : 0;
        return line;
    }
    return NULL;
}

static bool release_json(struct arena *arena, json_t *json)
{
    return json != NULL && arena_defer(arena, (void (*)(void *))json_decref, json);
}

/* One value is a text; several are a list. */
static bool find_header(const struct look *look, const char *name, size_t length, struct found *found, struct err *err)
{
    const char *at = look->answer->head, *value;
    size_t value_length, count = 0;
    json_t *list = json_array();

    if (list == NULL)
        return err_memory(err);
    while ((value = next_header(&at, name, length, &value_length)) != NULL) {
        *found = text_found(value, value_length);
        count++;
        if (utf8_check(value, value_length) == value_length &&
            json_array_append_new(list, json_stringn(value, value_length)) != 0)
            break;
    }
    if (!release_json(look->arena, list))
        return err_memory(err);
    if (count > 1)
        *found = (struct found){.kind = FOUND_LIST, .list = list};
    return true;
}

/* Of "a=b; Path=/; Secure" the value, or an attribute's; one without a value is true. */
static void find_attribute(const char *cookie, size_t length, const char *attribute, size_t attribute_length,
                           struct found *found)
{
    const char *end = cookie + length, *at = memchr(cookie, ';', length);

    while (at != NULL && at < end) {
        const char *stop, *equals;

        at++;
        while (at < end && *at == ' ')
            at++;
        stop = memchr(at, ';', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        equals = memchr(at, '=', (size_t)(stop - at));
        if ((size_t)((equals != NULL ? equals : stop) - at) == attribute_length &&
            strncasecmp(at, attribute, attribute_length) == 0) {
            *found = equals != NULL ? text_found(equals + 1, (size_t)(stop - equals - 1))
                                    : (struct found){.kind = FOUND_BOOLEAN, .yes = true};
            return;
        }
        at = stop < end ? stop : NULL;
    }
}

/* "name" or "name[Attribute]" of the Set-Cookie headers. */
static bool find_cookie(const struct look *look, const char *name, size_t length, struct found *found, struct err *err)
{
    static const char set_cookie[] = "Set-Cookie", value_word[] = "Value";
    const char *at = look->answer->head, *cookie, *bracket = memchr(name, '[', length);
    size_t cookie_length, name_length = bracket != NULL ? (size_t)(bracket - name) : length;
    size_t attribute_length = bracket != NULL ? length - name_length - 1 : 0;

    if (length > COOKIE_NAME_BYTES_MAX || (bracket != NULL && (attribute_length < 2 || name[length - 1] != ']')))
        return err_set(err, ERR_INPUT, "a cookie is named as \"name\" or \"name[Attribute]\"");
    attribute_length -= bracket != NULL;
    while ((cookie = next_header(&at, set_cookie, sizeof set_cookie - 1, &cookie_length)) != NULL) {
        const char *end = memchr(cookie, ';', cookie_length);

        if (cookie_length <= name_length || strncmp(cookie, name, name_length) != 0 || cookie[name_length] != '=')
            continue;
        end = end != NULL ? end : cookie + cookie_length;
        if (bracket == NULL ||
            (attribute_length == sizeof value_word - 1 && strncasecmp(bracket + 1, value_word, attribute_length) == 0))
            *found = text_found(cookie + name_length + 1, (size_t)(end - cookie) - name_length - 1);
        else
            find_attribute(cookie, cookie_length, bracket + 1, attribute_length, found);
        return true;
    }
    return true;
}

/* --- The other queries */

static bool find_path(const struct look *look, const char *text, struct found *found, struct err *err)
{
    struct json_path path;
    json_t *body, *value;

    if (!json_path_parse(&path, look->arena, text, err) || !found_body_json(look, &body, err) ||
        !json_path_find(&path, body, &value, err))
        return false;
    if (value == NULL)
        return true;
    if (!release_json(look->arena, value))
        return err_memory(err);
    *found = found_json(value);
    return true;
}

static bool find_pattern(const struct look *look, const char *text, const char *bytes, size_t length,
                         struct found *found, struct err *err)
{
    struct pattern *pattern;
    const char *match;
    size_t match_length;

    if (!pattern_compile(&pattern, look->arena, text, err) ||
        !pattern_find(pattern, bytes, length, &match, &match_length, err))
        return false;
    if (match != NULL)
        *found = text_found(match, match_length);
    return true;
}

static bool find_digest(const struct look *look, struct found *found, struct err *err)
{
    unsigned char *digest = arena_alloc(look->arena, SHA256_BYTES);

    if (digest == NULL)
        return err_memory(err);
    sha256_of(look->answer->body, look->answer->length, digest);
    *found = text_found((const char *)digest, SHA256_BYTES);
    return true;
}

static bool find(const struct look *look, const struct scenario_query *query, struct found *found, struct err *err)
{
    const struct scenario_answer *answer = look->answer;
    const struct variable *variable;
    const char *text = "";
    size_t length = 0;

    if (!variables_fill(look->variables, &query->text, look->arena, &text, &length, err))
        return false;
    switch (query->kind) {
    case SCENARIO_STATUS:
        *found = number_found((double)answer->status);
        break;
    case SCENARIO_HEADER:
        return find_header(look, text, length, found, err);
    case SCENARIO_COOKIE:
        return find_cookie(look, text, length, found, err);
    case SCENARIO_BODY:
    case SCENARIO_BYTES:
        *found = text_found(answer->body, answer->length);
        break;
    case SCENARIO_SHA256:
        return find_digest(look, found, err);
    case SCENARIO_JSONPATH:
        return find_path(look, text, found, err);
    case SCENARIO_REGEX:
        return find_pattern(look, text, answer->body, answer->length, found, err);
    case SCENARIO_VARIABLE:
        variable = variables_get(look->variables, text);
        if (variable != NULL)
            *found = text_found(variable->bytes, variable->length);
        break;
    case SCENARIO_DURATION:
        *found = number_found((double)answer->took_ms);
        break;
    case SCENARIO_URL:
        *found = text_found(answer->url, strlen(answer->url));
        break;
    }
    return true;
}

/* --- Filters */

static bool count(struct found *found, struct err *err)
{
    switch (found->kind) {
    case FOUND_LIST:
        *found = number_found(
            (double)(json_is_array(found->list) ? json_array_size(found->list) : json_object_size(found->list)));
        return true;
    case FOUND_TEXT:
        *found = number_found((double)found->length);
        return true;
    case FOUND_NOTHING:
    case FOUND_NULL:
    case FOUND_BOOLEAN:
    case FOUND_NUMBER:
        break;
    }
    return err_set(err, ERR_INPUT, "count: this is neither a list nor a text");
}

static bool to_int(const struct look *look, struct found *found, struct err *err)
{
    const char *text;
    char *end;
    double number;

    if (found->kind == FOUND_NUMBER) {
        *found = number_found((double)(int64_t)(found->number > 9e15 || found->number < -9e15 ? 0 : found->number));
        return true;
    }
    text = found->kind == FOUND_TEXT && found->length > 0 && found->length < NUMBER_BYTES
               ? arena_strndup(look->arena, found->bytes, found->length)
               : NULL;
    number = text != NULL ? (double)strtoll(text, &end, 10) : 0;
    if (text == NULL || *end != '\0')
        return err_set(err, ERR_INPUT, "toInt: this is no integer");
    *found = number_found(number);
    return true;
}

static bool filter(const struct look *look, const struct scenario_filter *one, struct found *found, struct err *err)
{
    const char *text = "";
    size_t length = 0;

    switch (one->kind) {
    case SCENARIO_COUNT:
        return count(found, err);
    case SCENARIO_TO_INT:
        return to_int(look, found, err);
    case SCENARIO_NTH: {
        const json_t *element = found->kind == FOUND_LIST ? json_array_get(found->list, (size_t)one->nth) : NULL;

        *found = element != NULL ? found_json(element) : (struct found){.kind = FOUND_NOTHING};
        return true;
    }
    case SCENARIO_FILTER_REGEX: {
        struct found in = *found;

        if (found->kind != FOUND_TEXT)
            return err_set(err, ERR_INPUT, "regex: this is no text");
        *found = (struct found){.kind = FOUND_NOTHING};
        return variables_fill(look->variables, &one->text, look->arena, &text, &length, err) &&
               find_pattern(look, text, in.bytes, in.length, found, err);
    }
    }
    return true;
}

bool found_query(const struct look *look, const struct scenario_query *query, struct found *found, struct err *err)
{
    *found = (struct found){.kind = FOUND_NOTHING};
    if (!find(look, query, found, err))
        return false;
    for (size_t i = 0; i < query->filter_count && found->kind != FOUND_NOTHING; i++)
        if (!filter(look, &query->filters[i], found, err))
            return false;
    return true;
}

/* --- Texts */

static const char *number_text(const struct found *found, struct arena *arena)
{
    bool is_whole = found->is_integer && found->number > -9e15 && found->number < 9e15;

    return is_whole ? arena_printf(arena, "%lld", (long long)found->number)
                    : arena_printf(arena, "%.17g", found->number);
}

const char *found_text(const struct found *found, struct arena *arena, size_t *length)
{
    const char *text = NULL;

    switch (found->kind) {
    case FOUND_TEXT:
        *length = found->length;
        return found->bytes;
    case FOUND_NUMBER:
        text = number_text(found, arena);
        break;
    case FOUND_BOOLEAN:
        text = found->yes ? "true" : "false";
        break;
    case FOUND_NULL:
        text = "null";
        break;
    case FOUND_LIST:
        text = json_write(arena, found->list);
        break;
    case FOUND_NOTHING:
        text = "";
        break;
    }
    *length = text != NULL ? strlen(text) : 0;
    return text;
}

/* So much of a text, and no part of a character. */
static void show_text(const struct found *found, char *words, size_t size)
{
    size_t length = found->length < SHOWN_BYTES ? found->length : SHOWN_BYTES;

    if (found->length > 0 && utf8_check(found->bytes, length) + 4 < length) {
        snprintf(words, size, "%zu bytes", found->length);
        return;
    }
    length = length > 0 ? utf8_check(found->bytes, length) : 0;
    snprintf(words, size, "\"%.*s%s\"", (int)length, found->bytes != NULL ? found->bytes : "",
             length < found->length ? "..." : "");
}

void found_words(const struct found *found, char *words, size_t size)
{
    switch (found->kind) {
    case FOUND_NOTHING:
        snprintf(words, size, "not there");
        break;
    case FOUND_NULL:
        snprintf(words, size, "null");
        break;
    case FOUND_BOOLEAN:
        snprintf(words, size, "%s", found->yes ? "true" : "false");
        break;
    case FOUND_NUMBER:
        snprintf(words, size, "%.15g", found->number);
        break;
    case FOUND_TEXT:
        show_text(found, words, size);
        break;
    case FOUND_LIST:
        snprintf(words, size, "%s of %zu", json_is_array(found->list) ? "a list" : "an object",
                 json_is_array(found->list) ? json_array_size(found->list) : json_object_size(found->list));
        break;
    }
}
