#include "base/text_limit.h"

#include "base/character.h"
#include "base/marks.h"
#include "base/utf8.h"

#include <string.h>

static const struct text_limit limits[] = {
    [TEXT_LOGIN] = {1, 254},
    [TEXT_USERNAME] = {1, 64},
    /* RFC 5321, section 4.5.3.1.3: a path has at most 256 octets, two of them its brackets. */
    [TEXT_EMAIL] = {3, 254},
    [TEXT_NAME] = {0, 200},
    [TEXT_LABEL] = {1, 60},
    [TEXT_GROUP] = {1, 64},
    /* A file's name has at most 255 bytes, the limit of file systems. */
    [TEXT_SEARCH] = {0, 255},
    [TEXT_USER_AGENT] = {0, 256},
};

const struct text_limit *text_limit(enum text_kind kind)
{
    return &limits[kind];
}

bool text_is_group(const char *name, size_t length)
{
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";

    for (size_t i = 0; i < length; i++)
        if (name[i] == '\0' || strchr(characters, name[i]) == NULL)
            return false;
    return length >= limits[TEXT_GROUP].least && length <= limits[TEXT_GROUP].most;
}

bool text_mark_excess(const char *character, size_t length, size_t *run)
{
    *run = length > 1 && mark_is(utf8_code_point(character, length)) ? *run + 1 : 0;
    return *run > TEXT_MARKS_MAX;
}

static bool has_excess(const char *text, size_t length)
{
    size_t run = 0;

    for (size_t at = 0; at < length;) {
        size_t step = utf8_sequence(text + at, length - at);

        if (text_mark_excess(text + at, step, &run))
            return true;
        at += step > 0 ? step : 1;
    }
    return false;
}

bool text_check(enum text_kind kind, const char *field, const char *text, struct err *err)
{
    const struct text_limit *limit = &limits[kind];
    size_t length = strlen(text), characters = utf8_count(text, length);

    if (characters < limit->least || characters > limit->most)
        return err_field(err, ERR_VALUE, field, "%s: %zu to %zu characters", field, limit->least, limit->most);
    if (has_excess(text, length))
        return err_field(err, ERR_VALUE, field, "%s: at most %d combining marks in a row", field, TEXT_MARKS_MAX);
    return true;
}

/* Of the character at text, which has at least one byte left. A malformed one is not a space. */
static size_t space_bytes(const char *text, size_t left)
{
    size_t step = utf8_sequence(text, left);

    return step > 0 && character_is_space(utf8_code_point(text, step)) ? step : 0;
}

char *text_trim(struct arena *arena, const char *text)
{
    size_t length = strlen(text), begin = 0, end, step;

    while (begin < length && (step = space_bytes(text + begin, length - begin)) > 0)
        begin += step;
    end = begin;
    for (size_t at = begin; at < length; at += step) {
        bool space = (step = space_bytes(text + at, length - at)) > 0;

        if (!space && (step = utf8_sequence(text + at, length - at)) == 0)
            step = 1;
        if (!space)
            end = at + step;
    }
    return arena_strndup(arena, text + begin, end - begin);
}

char *text_clip(struct arena *arena, enum text_kind kind, const char *text, size_t length)
{
    char *clipped = utf8_repair(arena, text, length);
    size_t run = 0, characters = 0, out = 0;

    for (size_t at = 0; clipped != NULL && at < length && characters < limits[kind].most;) {
        size_t step = utf8_sequence(clipped + at, length - at);

        if (!text_mark_excess(clipped + at, step, &run)) {
            memmove(clipped + out, clipped + at, step);
            out += step;
            characters++;
        }
        at += step;
    }
    if (clipped != NULL)
        clipped[out] = '\0';
    return clipped;
}
