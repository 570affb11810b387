#include "http/form.h"

#include "base/percent.h"
#include "base/utf8.h"

#include <string.h>

/* Decodes length bytes at text; at is their position in the whole, for messages. */
static char *decode(struct arena *arena, const char *text, size_t length, size_t at, struct err *err)
{
    char *decoded = arena_alloc(arena, length + 1);
    size_t out = 0;

    if (decoded == NULL) {
        err_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        size_t start = i;

        if (text[i] == '%') {
            int byte = percent_byte(text + i, length - i);

            if (byte < 0) {
                err_set(err, ERR_INPUT, "byte %zu of the form: %% without two hexadecimal digits", at + i + 1);
                return NULL;
            }
            decoded[out++] = (char)byte;
            i += 2;
        } else {
            decoded[out++] = text[i] == '+' ? ' ' : text[i];
        }
        if (decoded[out - 1] == '\0') {
            err_set(err, ERR_INPUT, "byte %zu of the form: a NUL character", at + start + 1);
            return NULL;
        }
    }
    decoded[out] = '\0';
    if (utf8_check(decoded, out) != out) {
        err_set(err, ERR_INPUT, "byte %zu of the form: not UTF-8", at + 1);
        return NULL;
    }
    return decoded;
}

static bool add_field(struct arena *arena, json_t *object, const char *text, size_t length, size_t at, struct err *err)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
    size_t value_at = equals != NULL ? name_length + 1 : length;
    char *name = decode(arena, text, name_length, at, err);
    char *value = name != NULL ? decode(arena, text + value_at, length - value_at, at + value_at, err) : NULL;

    if (value == NULL)
        return false;
    if (json_object_get(object, name) != NULL)
        return err_field(err, ERR_INPUT, name, "%s: given twice", name);
    if (json_object_size(object) == FORM_MAX_FIELDS)
        return err_set(err, ERR_INPUT, "more than %d fields", FORM_MAX_FIELDS);
    if (json_object_set_new(object, name, json_string(value)) != 0)
        return err_memory(err);
    return true;
}

bool form_read(struct arena *arena, const char *text, size_t length, json_t **objectp, struct err *err)
{
    json_t *object = json_new_object(arena);
    size_t at = 0;

    *objectp = NULL;
    if (object == NULL)
        return err_memory(err);
    while (at < length) {
        const char *end = memchr(text + at, '&', length - at);
        size_t field = end != NULL ? (size_t)(end - text) - at : length - at;

        if (field > 0 && !add_field(arena, object, text + at, field, at, err))
            return false;
        at += field + 1;
    }
    *objectp = object;
    return true;
}

bool form_next(struct arena *arena, const char *text, size_t *at, const char *name, const char **value, struct err *err)
{
    struct err ignored = {.kind = ERR_NONE}; /* a name that can't be decoded is not the one that is wanted */

    *value = NULL;
    while (text[*at] != '\0') {
        size_t from = *at, length = strcspn(text + from, "&");
        const char *equals = memchr(text + from, '=', length);
        size_t name_length = equals != NULL ? (size_t)(equals - text) - from : length;
        size_t value_at = equals != NULL ? from + name_length + 1 : from + length;
        const char *found;

        *at = from + length + (text[from + length] != '\0');
        found = decode(arena, text + from, name_length, from, &ignored);
        err_clear(&ignored);
        if (found == NULL || strcmp(found, name) != 0)
            continue;
        *value = decode(arena, text + value_at, from + length - value_at, value_at, err);
        return *value != NULL;
    }
    return true;
}
