#include "http/json_show.h"

#include <string.h>

struct showing {
    char *out;
    size_t length, most;
};

static bool add(struct showing *showing, const char *text, size_t length)
{
    if (length > showing->most - showing->length)
        return false;
    memcpy(showing->out + showing->length, text, length);
    showing->length += length;
    return true;
}

static bool begin_line(struct showing *showing, size_t depth)
{
    if (!add(showing, "\n", 1))
        return false;
    while (depth-- > 0)
        if (!add(showing, "  ", 2))
            return false;
    return true;
}

/* The length of a scalar: a string with its quotes, a number or a word. */
static size_t token_length(const char *json)
{
    const char *at = json;

    if (*at != '"')
        return strcspn(json, ",:[]{} \t\r\n\"");
    for (at++; *at != '"' && *at != '\0'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return (size_t)(at - json) + (*at == '"');
}

static const char *skip_space(const char *json)
{
    return json + strspn(json, " \t\r\n");
}

/* Writes the next token with its white space; *json moves past it. */
static bool show_next(struct showing *showing, const char **json, size_t *depth)
{
    const char *at = *json;
    size_t length;

    switch (*at) {
    case '{':
    case '[':
        *json = skip_space(at + 1);
        if (**json == '}' || **json == ']') {
            bool fits = add(showing, at, 1) && add(showing, *json, 1);

            ++*json;
            return fits;
        }
        return add(showing, at, 1) && begin_line(showing, ++*depth);
    case '}':
    case ']':
        ++*json;
        *depth -= *depth > 0;
        return begin_line(showing, *depth) && add(showing, at, 1);
    case ',':
        ++*json;
        return add(showing, ",", 1) && begin_line(showing, *depth);
    case ':':
        ++*json;
        return add(showing, ": ", 2);
    default:
        length = token_length(at);
        *json = at + length;
        /* Of a long string the beginning is shown. */
        if (length > showing->most - showing->length)
            length = showing->most - showing->length;
        return add(showing, at, length) && at + length == *json;
    }
}

/* Removes the last character when the cut went through it. */
static void drop_half_character(struct showing *showing)
{
    while (showing->length > 0 && (showing->out[showing->length - 1] & 0xC0) == 0x80)
        showing->length--;
    if (showing->length > 0 && (showing->out[showing->length - 1] & 0x80) != 0)
        showing->length--;
}

const char *json_show(struct arena *arena, const char *json, size_t most, bool *cut)
{
    struct showing showing = {.out = arena_alloc(arena, most + 1), .most = most};
    size_t depth = 0;

    *cut = false;
    if (showing.out == NULL)
        return NULL;
    for (json = skip_space(json); *json != '\0' && !*cut; json = skip_space(json))
        *cut = !show_next(&showing, &json, &depth);
    if (*cut)
        drop_half_character(&showing);
    showing.out[showing.length] = '\0';
    return showing.out;
}
