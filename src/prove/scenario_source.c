#include "prove/scenario_source.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 160, SHOWN_BYTES = 20 };

struct scenario_place source_place(const struct scenario_source *source)
{
    return (struct scenario_place){source->line, (int)(source->at - source->line_start) + 1};
}

/* A message may have been cut within a character. */
static bool fail(struct scenario_source *source, struct scenario_place place, char *message)
{
    message[utf8_check(message, strlen(message))] = '\0';
    return err_set(source->err, ERR_INPUT, "%s:%d:%d: %s", source->file, place.line, place.column, message);
}

bool source_fail_at(struct scenario_source *source, struct scenario_place place, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail(source, place, message);
}

bool source_fail(struct scenario_source *source, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail(source, source_place(source), message);
}

bool source_expected(struct scenario_source *source, const char *what)
{
    size_t left = (size_t)(source->end - source->at), length = 0;

    while (length < left && length < SHOWN_BYTES && source->at[length] != '\n' && source->at[length] != '\r')
        length++;
    if (length == left && left == 0)
        return source_fail(source, "%s is expected here, where the file ends", what);
    if (length == 0)
        return source_fail(source, "%s is expected here, where the line ends", what);
    /* Not in the middle of a character. */
    while (length > 0 && utf8_check(source->at, length) != length)
        length--;
    return source_fail(source, "%s is expected here, not \"%.*s\"", what, (int)length, source->at);
}

/* --- Words */

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool source_is_name(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-';
}

bool source_take(struct scenario_source *source, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(source->end - source->at) < length || memcmp(source->at, word, length) != 0)
        return false;
    source->at += length;
    return true;
}

bool source_take_word(struct scenario_source *source, const char *word)
{
    const char *before = source->at;

    if (source_take(source, word) && !source_is_name(source_peek(source)))
        return true;
    source->at = before;
    return false;
}

void source_skip_spaces(struct scenario_source *source)
{
    while (source_peek(source) == ' ' || source_peek(source) == '\t')
        source->at++;
}

void source_new_line(struct scenario_source *source)
{
    source->at++;
    source->line++;
    source->line_start = source->at;
}

bool source_at_line_end(const struct scenario_source *source)
{
    return source_is_over(source) || source_peek(source) == '\n' ||
           (source_peek(source) == '\r' && (source->at + 1 == source->end || source->at[1] == '\n'));
}

static void skip_comment(struct scenario_source *source)
{
    while (!source_at_line_end(source))
        source->at++;
}

bool source_end_line(struct scenario_source *source)
{
    source_skip_spaces(source);
    if (source_peek(source) == '#')
        skip_comment(source);
    if (!source_at_line_end(source))
        return source_expected(source, "the end of the line");
    if (source_peek(source) == '\r')
        source->at++;
    if (!source_is_over(source))
        source_new_line(source);
    return true;
}

bool source_next_line(struct scenario_source *source)
{
    for (;;) {
        source_skip_spaces(source);
        if (source_is_over(source))
            return true;
        if (source_peek(source) == '#') {
            source->at++;
            if (source->comment != NULL && !source->comment(source->comment_arg, source))
                return false;
            skip_comment(source);
        } else if (!source_at_line_end(source)) {
            return true;
        }
        if (!source_end_line(source))
            return false;
    }
}

const char *source_name(struct scenario_source *source)
{
    const char *start = source->at;
    char *name;

    if (!is_name_start(source_peek(source))) {
        source_expected(source, "a name (a letter, then letters, digits, \"_\" and \"-\")");
        return NULL;
    }
    while (source_is_name(source_peek(source)))
        source->at++;
    if (source->at - start > SCENARIO_NAME_BYTES_MAX) {
        source->at = start;
        source_fail(source, "a name has %d characters at most", SCENARIO_NAME_BYTES_MAX);
        return NULL;
    }
    name = arena_strndup(source->arena, start, (size_t)(source->at - start));
    if (name == NULL)
        err_memory(source->err);
    return name;
}

bool source_number(struct scenario_source *source, int64_t most, int64_t *number)
{
    struct scenario_place place = source_place(source);

    if (source_peek(source) < '0' || source_peek(source) > '9')
        return source_expected(source, "a number");
    *number = 0;
    while (source_peek(source) >= '0' && source_peek(source) <= '9') {
        *number = *number * 10 + (*source->at++ - '0');
        if (*number > most)
            return source_fail_at(source, place, "a number of at most %lld is expected here", (long long)most);
    }
    return true;
}
