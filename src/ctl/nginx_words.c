#include "ctl/nginx_words.h"

#include <string.h>

static bool refuse(const struct nginx_reader *reader, int line, const char *what, struct err *err)
{
    return err_set(err, ERR_INPUT, "%.160s:%d: %s", reader->file, line, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether there is a character; then *c is it. */
static bool peek(const struct nginx_reader *reader, char *c)
{
    if (reader->at == reader->length)
        return false;
    *c = reader->text[reader->at];
    return true;
}

static void step(struct nginx_reader *reader)
{
    if (reader->text[reader->at++] == '\n')
        reader->line++;
}

static void skip_line(struct nginx_reader *reader)
{
    const char *rest = reader->text + reader->at, *end = memchr(rest, '\n', reader->length - reader->at);

    reader->at = end != NULL ? (size_t)(end - reader->text) : reader->length;
}

static void skip_blank(struct nginx_reader *reader)
{
    char c;

    while (peek(reader, &c) && (is_blank(c) || c == '#')) {
        if (c == '#')
            skip_line(reader);
        else
            step(reader);
    }
}

/* --- A word */

/* Replaces a backslash and the character behind it by *c; false: both stay. */
static bool unescape(char *c)
{
    switch (*c) {
    case '"':
    case '\'':
    case '\\':
        return true;
    case 't':
        *c = '\t';
        return true;
    case 'r':
        *c = '\r';
        return true;
    case 'n':
        *c = '\n';
        return true;
    default:
        return false;
    }
}

struct word {
    char bytes[NGINX_WORD_BYTES];
    size_t length;
};

static bool put(const struct nginx_reader *reader, struct word *word, char c, struct err *err)
{
    if (word->length + 1 >= sizeof word->bytes)
        return refuse(reader, reader->line, "a word is longer than nginx takes; its quotes are perhaps not closed",
                      err);
    if ((unsigned char)c < ' ' && !is_blank(c))
        return refuse(reader, reader->line, "there is a control character", err);
    word->bytes[word->length++] = c;
    return true;
}

/* Reads a backslash; the character behind it loses its special meaning. */
static bool take_escaped(struct nginx_reader *reader, struct word *word, struct err *err)
{
    char c;

    step(reader);
    if (!peek(reader, &c))
        return refuse(reader, reader->line, "the text ends inside a word", err);
    step(reader);
    return (unescape(&c) || put(reader, word, '\\', err)) && put(reader, word, c, err);
}

static bool take_quoted(struct nginx_reader *reader, struct word *word, struct err *err)
{
    char quote = reader->text[reader->at], c;
    int line = reader->line;

    step(reader);
    while (peek(reader, &c) && c != quote) {
        if (c == '\\') {
            if (!take_escaped(reader, word, err))
                return false;
            continue;
        }
        if (!put(reader, word, c, err))
            return false;
        step(reader);
    }
    if (!peek(reader, &c))
        return refuse(reader, line, "the quotes that begin here are not closed", err);
    step(reader);
    if (peek(reader, &c) && !is_blank(c) && c != ';' && c != '{' && c != ')')
        return refuse(reader, reader->line, "behind closing quotes a space, ; or { is missing", err);
    return true;
}

static bool take_plain(struct nginx_reader *reader, struct word *word, struct err *err)
{
    bool variable = false;
    char c;

    while (peek(reader, &c)) {
        if (c == '\\') {
            variable = false;
            if (!take_escaped(reader, word, err))
                return false;
            continue;
        }
        if (is_blank(c) || c == ';' || (c == '{' && !variable))
            break;
        variable = c == '$' || (c == '{' && variable);
        if (!put(reader, word, c, err))
            return false;
        step(reader);
    }
    return true;
}

static bool take_word(struct nginx_reader *reader, struct nginx_words *words, struct err *err)
{
    char first = reader->text[reader->at];
    struct word word;

    word.length = 0;
    if (words->count == NGINX_WORDS_MAX)
        return refuse(reader, words->line, "the directive has too many words", err);
    if (words->count == 0)
        words->line = reader->line;
    if (first == '"' || first == '\'' ? !take_quoted(reader, &word, err) : !take_plain(reader, &word, err))
        return false;
    words->words[words->count] = arena_strndup(reader->arena, word.bytes, word.length);
    return words->words[words->count++] != NULL || err_memory(err);
}

/* --- A directive */

static bool end_directive(struct nginx_reader *reader, struct nginx_words *words, char c, struct err *err)
{
    bool closes = c == '}';

    if (closes && words->count > 0)
        return refuse(reader, words->line, "a ; is missing before }", err);
    if (!closes && words->count == 0)
        return refuse(reader, reader->line, c == ';' ? "unexpected ;" : "unexpected {", err);
    if (words->count == 0)
        words->line = reader->line;
    step(reader);
    words->end = closes ? NGINX_BLOCK_CLOSED : c == ';' ? NGINX_STATEMENT : NGINX_BLOCK;
    return true;
}

bool nginx_words_read(struct nginx_reader *reader, struct nginx_words *words, struct err *err)
{
    char c;

    words->count = 0;
    words->line = reader->line;
    for (skip_blank(reader); peek(reader, &c); skip_blank(reader)) {
        if (c == ';' || c == '{' || c == '}')
            return end_directive(reader, words, c, err);
        if (!take_word(reader, words, err))
            return false;
    }
    words->end = NGINX_TEXT_ENDS;
    return words->count == 0 || refuse(reader, words->line, "the text ends inside of a directive; a ; is missing", err);
}

/* --- Lua */

/* The level of a long bracket "[==[" that begins here, or -1. */
static int long_bracket(const struct nginx_reader *reader)
{
    size_t at = reader->at + 1;

    if (reader->text[reader->at] != '[')
        return -1;
    while (at < reader->length && reader->text[at] == '=')
        at++;
    return at < reader->length && reader->text[at] == '[' ? (int)(at - reader->at - 1) : -1;
}

/* Past "]==]" of that level, or to the end of the text. */
static void skip_long(struct nginx_reader *reader, int level)
{
    while (reader->at < reader->length) {
        size_t at = reader->at + 1;

        if (reader->text[reader->at] == ']') {
            while (at < reader->length && reader->text[at] == '=')
                at++;
            if (at < reader->length && reader->text[at] == ']' && (int)(at - reader->at - 1) == level) {
                reader->at = at + 1;
                return;
            }
            reader->at = at;
        } else
            step(reader);
    }
}

static void skip_string(struct nginx_reader *reader)
{
    char quote = reader->text[reader->at], c;

    for (step(reader); peek(reader, &c) && c != quote; step(reader))
        if (c == '\\' && reader->at + 1 < reader->length)
            step(reader);
    if (reader->at < reader->length)
        step(reader);
}

static void skip_comment(struct nginx_reader *reader)
{
    int level;

    reader->at += 2;
    level = reader->at < reader->length ? long_bracket(reader) : -1;
    if (level >= 0)
        skip_long(reader, level);
    else
        skip_line(reader);
}

bool nginx_lua_skip(struct nginx_reader *reader, struct err *err)
{
    int depth = 1, line = reader->line;
    char c;

    while (peek(reader, &c)) {
        int level = long_bracket(reader);

        if (c == '"' || c == '\'')
            skip_string(reader);
        else if (level >= 0)
            skip_long(reader, level);
        else if (c == '-' && reader->at + 1 < reader->length && reader->text[reader->at + 1] == '-')
            skip_comment(reader);
        else {
            step(reader);
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            if (depth == 0)
                return true;
        }
    }
    return refuse(reader, line, "a block of Lua does not end", err);
}
