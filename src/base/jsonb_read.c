#include "base/jsonb.h"

#include "base/utf8.h"

#include <string.h>

struct reading {
    struct arena *arena;
    const char *text, *at, *end;
    size_t left; /* how many bytes further numbers may take when they are written out */
    int depth;
    struct err *err;
};

static bool refuse(struct reading *reading, const char *at, const char *why)
{
    size_t line = 1, column = 1;

    /* At the end of the text the position of its last character is named. */
    if (at == reading->end && at > reading->text)
        at--;
    for (const char *one = reading->text; one < at; one++) {
        column = *one == '\n' ? 1 : column + 1;
        line += *one == '\n';
    }
    return err_set(reading->err, ERR_INPUT, "line %zu, column %zu of the body: %s", line, column, why);
}

static void skip_space(struct reading *reading)
{
    while (reading->at < reading->end && strchr(" \t\r\n", *reading->at) != NULL && *reading->at != '\0')
        reading->at++;
}

/* Takes c if it comes next. */
static bool take(struct reading *reading, char c)
{
    bool there = reading->at < reading->end && *reading->at == c;

    reading->at += there;
    return there;
}

/* Four hexadecimal digits; -1: there are none. */
static long read_hex(const struct reading *reading, const char *at)
{
    long code = 0;

    if (reading->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char c = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] | 0x20) : at[i];
        const char *digit = c != '\0' ? strchr(digits, c) : NULL;

        if (digit == NULL)
            return -1;
        code = code * 16 + (digit - digits);
    }
    return code;
}

/* Reads what follows \u at *at, also both halves of a surrogate pair. */
static bool read_unicode(struct reading *reading, const char **at, char **out)
{
    long code = read_hex(reading, *at), second;

    if (code < 0)
        return refuse(reading, *at, "\\u wants four hexadecimal digits");
    if (code == 0)
        return refuse(reading, *at, "\\u0000 can't be stored");
    if (code >= 0xDC00 && code <= 0xDFFF)
        return refuse(reading, *at, "half a character");
    *at += 4;
    if (code >= 0xD800 && code <= 0xDBFF) {
        second = reading->end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? read_hex(reading, *at + 2) : -1;
        if (second < 0xDC00 || second > 0xDFFF)
            return refuse(reading, *at, "half a character");
        code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
        *at += 6;
    }
    *out += utf8_encode((uint32_t)code, *out);
    return true;
}

/*
 * Decodes the text after the opening quote up to the closing one, which is known to be there. The result is never
 * longer.
 */
static bool decode(struct reading *reading, const char *from, const char *to, const char **text, size_t *length)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char *decoded = arena_alloc(reading->arena, (size_t)(to - from)), *out = decoded;

    if (decoded == NULL)
        return err_memory(reading->err);
    while (from < to) {
        const char *escape = escapes;

        if (*from != '\\') {
            *out++ = *from++;
            continue;
        }
        if (*++from == 'u') {
            from++;
            if (!read_unicode(reading, &from, &out))
                return false;
            continue;
        }
        while (*escape != '\0' && *escape != *from)
            escape += 2;
        if (*escape == '\0')
            return refuse(reading, from, "no such escape");
        *out++ = escape[1];
        from++;
    }
    *text = decoded;
    *length = (size_t)(out - decoded);
    return true;
}

static bool read_string(struct reading *reading, const char **text, size_t *length)
{
    const char *from = reading->at, *at = from;
    bool escaped = false;

    for (; at < reading->end && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return refuse(reading, at, "a control character in a string");
        if (*at == '\\') {
            escaped = true;
            at++;
        }
    }
    if (at >= reading->end)
        return refuse(reading, from, "a string without an end");
    reading->at = at + 1;
    *text = from;
    *length = (size_t)(at - from);
    return !escaped || decode(reading, from, at, text, length);
}

/* Skips digits; whether there was one. */
static bool take_digits(struct reading *reading)
{
    const char *from = reading->at;

    while (reading->at < reading->end && *reading->at >= '0' && *reading->at <= '9')
        reading->at++;
    return reading->at > from;
}

static bool read_number(struct reading *reading, struct jsonb *value)
{
    const char *from = reading->at;
    struct err reason = {.kind = ERR_NONE};
    bool ok;

    take(reading, '-');
    ok = take(reading, '0') || take_digits(reading);
    if (ok && take(reading, '.'))
        ok = take_digits(reading);
    if (ok && (take(reading, 'e') || take(reading, 'E'))) {
        if (!take(reading, '-'))
            take(reading, '+');
        ok = take_digits(reading);
    }
    if (!ok)
        return refuse(reading, from, "neither a value nor a number");
    if (!jsonb_number(reading->arena, from, (size_t)(reading->at - from), reading->left, value, &reason)) {
        if (reason.kind == ERR_INPUT)
            return refuse(reading, from, reason.detail);
        *reading->err = reason;
        return false;
    }
    reading->left -= value->length;
    return true;
}

static bool read_value(struct reading *, struct jsonb *);

static bool read_member(struct reading *reading, struct jsonb *member)
{
    skip_space(reading);
    if (!take(reading, '"'))
        return refuse(reading, reading->at, "a member's name is to come");
    if (!read_string(reading, &member->name, &member->name_length))
        return false;
    skip_space(reading);
    return take(reading, ':') || refuse(reading, reading->at, "a colon is to come");
}

/* Merges two ordered lists. */
static struct jsonb *join(struct jsonb *one, struct jsonb *other)
{
    struct jsonb *first = NULL, **end = &first;

    while (one != NULL && other != NULL) {
        struct jsonb **least = jsonb_compare_names(one, other) <= 0 ? &one : &other;

        *end = *least;
        end = &(*least)->next;
        *least = *end;
    }
    *end = one != NULL ? one : other;
    return first;
}

/* Takes the first count members from *list and returns them in order. */
static struct jsonb *sort(struct jsonb **list, size_t count)
{
    struct jsonb *one = *list, *other;

    if (count == 1) {
        *list = one->next;
        one->next = NULL;
        return one;
    }
    one = sort(list, count / 2);
    other = sort(list, count - count / 2);
    return join(one, other);
}

static bool order_members(struct reading *reading, struct jsonb *object, size_t count, const char *at)
{
    struct jsonb *list = object->first;

    if (count < 2)
        return true;
    object->first = sort(&list, count);
    for (const struct jsonb *one = object->first; one->next != NULL; one = one->next)
        if (jsonb_compare_names(one, one->next) == 0) {
            const char *name = one->next->name;

            /* A name with escapes was decoded to other memory; then the position of the object is named. */
            return refuse(reading, name >= reading->text && name < reading->end ? name : at, "a member is there twice");
        }
    return true;
}

static bool read_several(struct reading *reading, struct jsonb *value, char closing)
{
    const char *from = reading->at;
    struct jsonb **end = &value->first;
    size_t count = 0;

    value->kind = closing == '}' ? JSONB_OBJECT : JSONB_ARRAY;
    if (++reading->depth > JSONB_MAX_DEPTH)
        return err_set(reading->err, ERR_INPUT, "byte %zu of the body: nested deeper than %d",
                       (size_t)(reading->at - reading->text), JSONB_MAX_DEPTH);
    skip_space(reading);
    if (!take(reading, closing)) {
        do {
            struct jsonb *one = arena_zalloc(reading->arena, sizeof *one);

            if (one == NULL)
                return err_memory(reading->err);
            if ((closing == '}' && !read_member(reading, one)) || !read_value(reading, one))
                return false;
            *end = one;
            end = &one->next;
            count++;
            skip_space(reading);
        } while (take(reading, ','));
        if (!take(reading, closing))
            return refuse(reading, reading->at, closing == '}' ? "a comma or } is to come" : "a comma or ] is to come");
    }
    reading->depth--;
    return closing != '}' || order_members(reading, value, count, from);
}

static bool read_value(struct reading *reading, struct jsonb *value)
{
    static const struct {
        const char *word;
        enum jsonb_kind kind;
    } words[] = {{"null", JSONB_NULL}, {"false", JSONB_FALSE}, {"true", JSONB_TRUE}};

    skip_space(reading);
    if (take(reading, '{'))
        return read_several(reading, value, '}');
    if (take(reading, '['))
        return read_several(reading, value, ']');
    if (take(reading, '"')) {
        value->kind = JSONB_STRING;
        return read_string(reading, &value->text, &value->length);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i].word);

        if ((size_t)(reading->end - reading->at) >= length && memcmp(reading->at, words[i].word, length) == 0) {
            value->kind = words[i].kind;
            reading->at += length;
            return true;
        }
    }
    return read_number(reading, value);
}

bool jsonb_read(struct arena *arena, const char *text, size_t length, size_t most, struct jsonb **valuep,
                struct err *err)
{
    struct reading reading = {.arena = arena, .text = text, .at = text, .end = text + length, .left = most, .err = err};
    size_t valid = utf8_check(text, length);
    struct jsonb *value = arena_zalloc(arena, sizeof *value);

    *valuep = NULL;
    if (value == NULL)
        return err_memory(err);
    if (valid < length)
        return err_set(err, ERR_INPUT, "byte %zu of the body is not UTF-8", valid + 1);
    if (!read_value(&reading, value))
        return false;
    skip_space(&reading);
    if (reading.at < reading.end)
        return refuse(&reading, reading.at, "the end of the body is to come");
    if (value->kind != JSONB_OBJECT)
        return err_set(err, ERR_VALUE, "the body must be a JSON object");
    *valuep = value;
    return true;
}
