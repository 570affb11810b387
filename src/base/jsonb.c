#include "base/jsonb.h"

#include <string.h>

int jsonb_compare_names(const struct jsonb *one, const struct jsonb *other)
{
    if (one->name_length != other->name_length)
        return one->name_length < other->name_length ? -1 : 1;
    return memcmp(one->name, other->name, one->name_length);
}

/* One pass over both lists, which are in order; adding members one by one would search for each. */
static struct jsonb *merge_members(struct jsonb *target, struct jsonb *patch)
{
    struct jsonb *first = NULL, **end = &first;

    while (target != NULL || patch != NULL) {
        int order = target == NULL ? 1 : patch == NULL ? -1 : jsonb_compare_names(target, patch);
        struct jsonb *old = order <= 0 ? target : NULL, *new = order >= 0 ? patch : NULL;
        struct jsonb *kept = old;

        if (old != NULL)
            target = old->next;
        if (new != NULL) {
            patch = new->next;
            kept = new->kind != JSONB_NULL ? jsonb_merge(old, new) : NULL;
        }
        if (kept != NULL) {
            *end = kept;
            end = &kept->next;
        }
    }
    *end = NULL;
    return first;
}

struct jsonb *jsonb_merge(struct jsonb *target, struct jsonb *patch)
{
    bool both = target != NULL && target->kind == JSONB_OBJECT;

    if (patch->kind == JSONB_OBJECT)
        patch->first = merge_members(both ? target->first : NULL, patch->first);
    return patch;
}

/* Counts what is written, and writes it where there is room: out is NULL for the count alone. */
struct writing {
    char *out;
    size_t length;
};

static void put(struct writing *writing, const char *bytes, size_t length)
{
    if (writing->out != NULL && length > 0)
        memcpy(writing->out + writing->length, bytes, length);
    writing->length += length;
}

/* As PostgreSQL's escape_json does, which escapes only what has to be. Returns the length. */
static size_t escape(unsigned char byte, char out[6])
{
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    static const char digits[] = "0123456789abcdef";

    for (const char *at = letters; *at != '\0'; at += 2)
        if ((char)byte == *at) {
            out[0] = '\\';
            out[1] = at[1];
            return 2;
        }
    memcpy(out, "\\u00", 4);
    out[4] = digits[byte >> 4];
    out[5] = digits[byte & 15];
    return 6;
}

static void put_string(struct writing *writing, const char *text, size_t length)
{
    size_t from = 0;

    put(writing, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        char escaped[6];

        if (byte >= ' ' && byte != '"' && byte != '\\')
            continue;
        put(writing, text + from, i - from);
        put(writing, escaped, escape(byte, escaped));
        from = i + 1;
    }
    put(writing, text + from, length - from);
    put(writing, "\"", 1);
}

static void put_value(struct writing *writing, const struct jsonb *value)
{
    static const char *const words[] = {[JSONB_NULL] = "null", [JSONB_FALSE] = "false", [JSONB_TRUE] = "true"};
    bool is_object = value->kind == JSONB_OBJECT;

    switch (value->kind) {
    case JSONB_NULL:
    case JSONB_FALSE:
    case JSONB_TRUE:
        put(writing, words[value->kind], strlen(words[value->kind]));
        break;
    case JSONB_NUMBER:
        put(writing, value->text, value->length);
        break;
    case JSONB_STRING:
        put_string(writing, value->text, value->length);
        break;
    case JSONB_ARRAY:
    case JSONB_OBJECT:
        put(writing, is_object ? "{" : "[", 1);
        for (const struct jsonb *one = value->first; one != NULL; one = one->next) {
            if (one != value->first)
                put(writing, ", ", 2);
            if (is_object) {
                put_string(writing, one->name, one->name_length);
                put(writing, ": ", 2);
            }
            put_value(writing, one);
        }
        put(writing, is_object ? "}" : "]", 1);
        break;
    }
}

size_t jsonb_size(const struct jsonb *value)
{
    struct writing writing = {.out = NULL};

    put_value(&writing, value);
    return writing.length;
}

char *jsonb_write(struct arena *arena, const struct jsonb *value)
{
    struct writing writing = {.out = arena_alloc(arena, jsonb_size(value) + 1)};

    if (writing.out == NULL)
        return NULL;
    put_value(&writing, value);
    writing.out[writing.length] = '\0';
    return writing.out;
}
