/* Texts of a scenario: each flavour of quotes, with {{variables}} and escapes. */
#include "prove/scenario_source.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/utf8.h"

#include <string.h>

/* A text that grows: `literal` is what is not in a piece yet. */
struct growing {
    struct scenario_source *source;
    struct scenario_text *text;
    struct buf literal;
};

static void grow_begin(struct growing *growing, struct scenario_source *source, struct scenario_text *text)
{
    *growing = (struct growing){.source = source, .text = text};
    STAILQ_INIT(text);
    buf_init(&growing->literal, source->arena, SCENARIO_BYTES_MAX);
}

static bool add_bytes(struct growing *growing, const char *bytes, size_t length)
{
    return buf_add(&growing->literal, bytes, length) || err_memory(growing->source->err);
}

static bool add_piece(struct growing *growing, bool is_variable, const char *bytes, size_t length)
{
    struct scenario_piece *piece = arena_zalloc(growing->source->arena, sizeof *piece);

    if (piece == NULL)
        return err_memory(growing->source->err);
    piece->is_variable = is_variable;
    piece->bytes = bytes;
    piece->length = length;
    STAILQ_INSERT_TAIL(growing->text, piece, next);
    return true;
}

static bool grow_end(struct growing *growing)
{
    struct buf *literal = &growing->literal;

    if (literal->length > 0 && !add_piece(growing, false, literal->bytes, literal->length))
        return false;
    buf_init(literal, growing->source->arena, SCENARIO_BYTES_MAX);
    return true;
}

/* Behind "{{". */
static bool add_variable(struct growing *growing)
{
    struct scenario_source *source = growing->source;
    const char *name;

    source_skip_spaces(source);
    name = source_name(source);
    if (name == NULL)
        return false;
    source_skip_spaces(source);
    if (!source_take(source, "}}"))
        return source_expected(source, "\"}}\" (functions and filters are not read here)");
    return grow_end(growing) && add_piece(growing, true, name, strlen(name));
}

/* Behind "\u": {1F600}. */
static bool add_code_point(struct growing *growing)
{
    struct scenario_source *source = growing->source;
    struct scenario_place place = source_place(source);
    uint32_t code = 0;
    char bytes[UTF8_SEQUENCE_MAX];
    int digits = 0;

    if (!source_take(source, "{"))
        return source_expected(source, "\"{\" and the character's number in hexadecimal digits");
    while (bytes_hex_digit(source_peek(source)) >= 0 && digits++ < 6)
        code = code * 16 + (uint32_t)bytes_hex_digit(*source->at++);
    if (digits == 0 || !source_take(source, "}"))
        return source_expected(source, "one to six hexadecimal digits and \"}\"");
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return source_fail_at(source, place, "there is no such character");
    return add_bytes(growing, bytes, utf8_encode(code, bytes));
}

/* Behind a backslash. `itself` are the characters that stand for themselves there. */
static bool add_escape(struct growing *growing, const char *itself)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    struct scenario_source *source = growing->source;
    char c = source_peek(source);
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;

    if (c == 'u') {
        source->at++;
        return add_code_point(growing);
    }
    if (letter == NULL && (c == '\0' || (c != '\\' && strchr(itself, c) == NULL)))
        return source_fail(source, "there is no such escape; \\\\ is a backslash");
    source->at++;
    return add_bytes(growing, letter != NULL ? &meanings[letter - letters] : &c, 1);
}

/*
 * Up to one of `stops`, which is not taken, or to the end of the line. Spaces before it do not count when it is
 * `trimmed`. itself: as add_escape.
 */
static bool take_text(struct growing *growing, const char *stops, const char *itself, bool trimmed)
{
    struct scenario_source *source = growing->source;
    size_t kept = 0; /* of the literal: spaces behind it may be those of the end */

    while (!source_at_line_end(source) && strchr(stops, *source->at) == NULL) {
        bool is_space = *source->at == ' ' || *source->at == '\t';

        if (source_take(source, "{{")) {
            if (!add_variable(growing))
                return false;
            kept = 0;
            continue;
        }
        if (source_take(source, "\\")) {
            if (!add_escape(growing, itself))
                return false;
        } else if (!add_bytes(growing, source->at++, 1)) {
            return false;
        }
        if (!is_space)
            kept = growing->literal.length;
    }
    if (trimmed && growing->literal.length > kept) {
        growing->literal.length = kept;
        growing->literal.bytes[kept] = '\0';
    }
    return grow_end(growing);
}

bool source_until_end(struct scenario_source *source, struct scenario_text *text)
{
    struct growing growing;

    source_skip_spaces(source);
    grow_begin(&growing, source, text);
    return take_text(&growing, "#", "#\"{", true);
}

bool source_key(struct scenario_source *source, struct scenario_text *text)
{
    struct growing growing;

    grow_begin(&growing, source, text);
    if (!take_text(&growing, ":#", ":#\"{", true))
        return false;
    if (STAILQ_EMPTY(text))
        return source_expected(source, "a name and a colon");
    return source_peek(source) == ':' || source_expected(source, "a colon");
}

static bool delimited(struct scenario_source *source, struct scenario_text *text, const char *delimiter,
                      const char *itself, const char *what)
{
    struct scenario_place place = source_place(source);
    struct growing growing;

    if (!source_take(source, delimiter))
        return source_expected(source, what);
    grow_begin(&growing, source, text);
    if (!take_text(&growing, delimiter, itself, false))
        return false;
    return source_take(source, delimiter) || source_fail_at(source, place, "%s is not closed in its line", what);
}

bool source_quoted(struct scenario_source *source, struct scenario_text *text)
{
    return delimited(source, text, "\"", "\"{", "a text in \"double quotes\"");
}

bool source_oneline(struct scenario_source *source, struct scenario_text *text)
{
    return delimited(source, text, "`", "`{", "a text in `back quotes`");
}

/* As it is, but for "\/": the expression's own backslashes stay. */
bool source_pattern(struct scenario_source *source, struct scenario_text *text)
{
    struct scenario_place place = source_place(source);
    struct growing growing;

    if (!source_take(source, "/"))
        return source_expected(source, "a regular expression in /slashes/");
    grow_begin(&growing, source, text);
    while (!source_at_line_end(source) && source_peek(source) != '/') {
        if (source_take(source, "\\/")) {
            if (!add_bytes(&growing, "/", 1))
                return false;
            continue;
        }
        if (source_peek(source) == '\\' && source->at + 1 < source->end && source->at[1] != '\n' &&
            !add_bytes(&growing, source->at++, 1))
            return false;
        if (!add_bytes(&growing, source->at++, 1))
            return false;
    }
    if (!source_take(source, "/"))
        return source_fail_at(source, place, "a regular expression is not closed in its line");
    return grow_end(&growing);
}

bool source_variable(struct scenario_source *source, struct scenario_text *text)
{
    struct growing growing;

    if (!source_take(source, "{{"))
        return source_expected(source, "{{a variable}}");
    grow_begin(&growing, source, text);
    return add_variable(&growing);
}

bool source_split(struct scenario_source *source, struct scenario_place place, const char *bytes, size_t length,
                  struct scenario_text *text)
{
    /* Places in it are right as long as its lines are those of the file. */
    struct scenario_source inner = *source;
    struct growing growing;

    inner.at = bytes;
    inner.end = bytes + length;
    inner.line = place.line;
    inner.line_start = bytes - (place.column - 1);
    grow_begin(&growing, &inner, text);
    while (!source_is_over(&inner)) {
        if (source_take(&inner, "{{")) {
            if (!add_variable(&growing))
                return false;
        } else if (!add_bytes(&growing, inner.at, 1)) {
            return false;
        } else if (*inner.at == '\n') {
            source_new_line(&inner);
        } else {
            inner.at++;
        }
    }
    return grow_end(&growing);
}

bool source_fenced(struct scenario_source *source, struct scenario_text *text)
{
    struct scenario_place place = source_place(source), first;
    const char *start;

    if (!source_take(source, "```"))
        return source_expected(source, "lines between ```");
    while (source_is_name(source_peek(source)))
        source->at++;
    if (!source_end_line(source))
        return false;
    start = source->at;
    first = source_place(source);
    while (!source_is_over(source) && !source_take(source, "```"))
        if (source_peek(source) == '\n')
            source_new_line(source);
        else
            source->at++;
    if (source->at - start < 3 || memcmp(source->at - 3, "```", 3) != 0)
        return source_fail_at(source, place, "``` is not closed");
    return source_split(source, first, start, (size_t)(source->at - 3 - start), text);
}

bool source_file_name(struct scenario_source *source, struct scenario_text *text)
{
    struct growing growing;

    source_skip_spaces(source);
    grow_begin(&growing, source, text);
    if (!take_text(&growing, ";#", ";#{", true))
        return false;
    if (STAILQ_EMPTY(text))
        return source_expected(source, "a file's name");
    return source_take(source, ";") || source_expected(source, "\";\"");
}

static const char *clean_digits(struct scenario_source *source, size_t *length)
{
    struct buf clean;

    buf_init(&clean, source->arena, SCENARIO_BYTES_MAX);
    for (; !source_is_over(source) && source_peek(source) != ';'; source->at++) {
        if (source_peek(source) == '\n') {
            source->line++;
            source->line_start = source->at + 1;
        }
        if (strchr(" \t\r\n", source_peek(source)) == NULL && !buf_add(&clean, source->at, 1)) {
            err_memory(source->err);
            return NULL;
        }
    }
    *length = clean.length;
    return clean.bytes;
}

bool source_bytes(struct scenario_source *source, bool *is, const unsigned char **bytes, size_t *length)
{
    struct scenario_place place = source_place(source);
    bool hex = source_take(source, "hex,"), base64 = !hex && source_take(source, "base64,");
    unsigned char *decoded;
    const char *digits;
    size_t count;

    *is = hex || base64;
    if (!*is)
        return true;
    digits = clean_digits(source, &count);
    if (digits == NULL)
        return false;
    if (!source_take(source, ";"))
        return source_fail_at(source, place, "a \";\" is expected behind the bytes");
    decoded = arena_alloc(source->arena, count + 1);
    if (decoded == NULL)
        return err_memory(source->err);
    *bytes = decoded;
    *length = count / 2;
    if (hex ? count % 2 != 0 || !bytes_from_hex(digits, count, decoded, count / 2)
            : !base64_decode(digits, count, decoded, count, length))
        return source_fail_at(source, place, "this is not %s",
                              hex ? "hexadecimal, two digits a byte" : "base64 with its padding");
    return true;
}
