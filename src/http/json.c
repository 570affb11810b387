#include "http/json.h"

#include "base/utf8.h"

#include <string.h>

static void release(void *json)
{
    json_decref(json);
}

/* Where the text goes deeper than JSON_MAX_DEPTH, or length. Brackets in strings do not count. */
static size_t too_deep_at(const char *text, size_t length)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > JSON_MAX_DEPTH)
                return i;
        } else if (text[i] == '}' || text[i] == ']') {
            depth--;
        }
    }
    return length;
}

bool json_read(struct arena *arena, const char *text, size_t length, json_t **json, struct err *err)
{
    size_t valid = utf8_check(text, length);
    json_error_t error;

    *json = NULL;
    if (valid < length)
        return err_set(err, ERR_INPUT, "byte %zu of the body is not UTF-8", valid + 1);
    if (too_deep_at(text, length) < length)
        return err_set(err, ERR_INPUT, "byte %zu of the body: nested deeper than %d", too_deep_at(text, length) + 1,
                       JSON_MAX_DEPTH);
    *json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*json == NULL)
        return err_set(err, ERR_INPUT, "line %d, column %d of the body: %s", error.line, error.column, error.text);
    if (!arena_defer(arena, release, *json)) {
        *json = NULL;
        return err_memory(err);
    }
    return true;
}

bool json_read_object(struct arena *arena, const char *text, size_t length, json_t **json, struct err *err)
{
    if (!json_read(arena, text, length, json, err))
        return false;
    if (!json_is_object(*json))
        return err_set(err, ERR_VALUE, "the body must be a JSON object");
    return true;
}

json_t *json_new_object(struct arena *arena)
{
    json_t *json = json_object();

    return json != NULL && arena_defer(arena, release, json) ? json : NULL;
}

const char *json_write(struct arena *arena, const json_t *json)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t length = json_dumpb(json, NULL, 0, flags);
    char *text = arena_alloc(arena, length + 1);

    if (text == NULL || length == 0)
        return NULL;
    json_dumpb(json, text, length, flags);
    text[length] = '\0';
    return text;
}

bool json_text(const json_t *object, const char *name, const char **text, struct err *err)
{
    const json_t *member = json_object_get(object, name);

    *text = NULL;
    if (member == NULL || json_is_null(member))
        return true;
    if (!json_is_string(member))
        return err_field(err, ERR_VALUE, name, "%s: must be a string", name);
    *text = json_string_value(member);
    return true;
}

bool json_flag(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);
    const char *text = json_string_value(member);

    if (text != NULL)
        return strcmp(text, "on") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return json_is_true(member);
}
