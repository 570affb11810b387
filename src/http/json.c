#include "http/json.h"

#include "base/decimal.h"
#include "base/utf8.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sign, 17 digits, point, exponent of four characters, NUL, and room to add ".0". */
enum { REAL_BYTES = 32 };

static void release(void *json)
{
    json_decref(json);
}

/* The offset at which the text is nested deeper than JSON_MAX_DEPTH, or length. Brackets in strings do not count. */
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

/* jansson's message quotes the text, which may be part of a password, and messages are logged at level debug. */
static void drop_quotation(char *text)
{
    char *quotation = strstr(text, " near '");

    if (quotation != NULL)
        *quotation = '\0';
}

bool json_read(struct arena *arena, const char *text, size_t length, json_t **json, struct err *err)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    size_t valid = utf8_check(text, length);
    json_error_t error;

    *json = NULL;
    if (valid < length)
        return err_set(err, ERR_INPUT, "byte %zu of the body is not UTF-8", valid + 1);
    if (too_deep_at(text, length) < length)
        return err_set(err, ERR_INPUT, "byte %zu of the body: nested deeper than %d", too_deep_at(text, length) + 1,
                       JSON_MAX_DEPTH);
    *json = json_loadb(text, length, flags, &error);
    /* jsonb writes 1e21 as 22 digits, which must be readable again. Their text is kept, so no digit is lost. */
    if (*json == NULL && json_error_code(&error) == json_error_numeric_overflow)
        *json = json_loadb(text, length, flags | JSON_DECODE_INT_AS_REAL, &error);
    if (*json == NULL) {
        drop_quotation(error.text);
        return err_set(err, ERR_INPUT, "line %d, column %d of the body: %s", error.line, error.column, error.text);
    }
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

/* Writes a real to out, with the least precision that reads back as the same number. Returns the text's length. */
static size_t write_real(char out[REAL_BYTES], double real)
{
    int length = 0;

    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        length = snprintf(out, REAL_BYTES, "%.*g", digits, real);
        if (strtod(out, NULL) == real)
            break;
    }
    /* Keeps it a real for readers that distinguish reals from integers. */
    if (strpbrk(out, ".e") == NULL)
        length += snprintf(out + length, REAL_BYTES - (size_t)length, ".0");
    return (size_t)length;
}

/* The end of a string that begins at text. */
static const char *string_end(const char *text)
{
    for (text++; *text != '"'; text++)
        if (*text == '\\')
            text++;
    return text + 1;
}

/* Rewrites numbers in jansson's text in place; the new text is never longer. */
static void shorten_reals(char *text)
{
    const char *from = text;
    char *to = text;

    while (*from != '\0') {
        size_t length = *from == '"' ? (size_t)(string_end(from) - from) : strspn(from, "-+.0123456789eE");
        char real[REAL_BYTES];

        if (length == 0) {
            *to++ = *from++; /* a bracket, a comma, a letter of a literal, white space */
            continue;
        }
        if (*from != '"' && (*from == '-' || (*from >= '0' && *from <= '9')) && strcspn(from, ".eE") < length) {
            size_t shorter = write_real(real, strtod(from, NULL));

            if (shorter < length) {
                memcpy(to, real, shorter);
                to += shorter;
                from += length;
                continue;
            }
        }
        memmove(to, from, length);
        to += length;
        from += length;
    }
    *to = '\0';
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
    shorten_reals(text);
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

bool json_whole(const json_t *object, const char *name, int64_t otherwise, int64_t least, int64_t most, int64_t *number,
                struct err *err)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    bool good;

    *number = otherwise;
    if (value == NULL || json_is_null(value) || (text != NULL && text[0] == '\0'))
        return true;
    if (json_is_integer(value))
        *number = json_integer_value(value);
    good = json_is_integer(value) ? *number >= least && *number <= most
                                  : text != NULL && decimal_parse(text, least, most, number);
    if (!good)
        return err_field(err, ERR_VALUE, name, "%s: a whole number from %lld to %lld", name, (long long)least,
                         (long long)most);
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
