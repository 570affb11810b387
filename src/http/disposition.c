#include "http/disposition.h"

#include "base/character.h"
#include "base/percent.h"
#include "base/text_limit.h"
#include "base/utf8.h"
#include "http/parameter.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A longer extension does not tell the file's type, and would leave no room for the name itself. */
enum { EXTENSION_MAX = 32 };

/* Only the characters that browsers encode are decoded, so that "100%25.txt" stays unchanged. */
static size_t undo_browsers_escapes(char *text, size_t length)
{
    size_t out = 0;

    for (size_t i = 0; i < length; i++) {
        int byte = percent_byte(text + i, length - i);

        if (byte == '"' || byte == '\r' || byte == '\n') {
            text[out++] = (char)byte;
            i += 2;
        } else {
            text[out++] = text[i];
        }
    }
    return out;
}

/* Terminates the decoded value in place; the closing quote or other character that ended it is no longer needed. */
static const char *decode(const struct parameter *parameter, size_t *length)
{
    char *text = (char *)(uintptr_t)parameter->value; /* within disposition_read's writable value */

    *length = undo_browsers_escapes(text, parameter_copy(parameter, text));
    text[*length] = '\0';
    return text;
}

static size_t percent_decode(const char *from, const char *end, char *out)
{
    size_t length = 0;

    while (from < end) {
        int byte = percent_byte(from, (size_t)(end - from));

        out[length++] = byte >= 0 ? (char)byte : *from;
        from += byte >= 0 ? 3 : 1;
    }
    return length;
}

/*
 * Converts ISO 8859-1 to UTF-8, from the encoded text: three bytes become two, so there is room; a byte that is not
 * encoded has none.
 */
static size_t latin_decode(const char *from, const char *end, char *out)
{
    size_t length = 0;

    while (from < end) {
        int byte = percent_byte(from, (size_t)(end - from));

        if (byte >= 0)
            length += utf8_encode((uint32_t)byte, out + length);
        else
            out[length++] = *from;
        from += byte >= 0 ? 3 : 1;
    }
    return length;
}

/*
 * Decodes charset'language'percent-encoded (RFC 8187) in place. *readable: it is UTF-8, as it has to be. Otherwise it
 * still shows that there is a file: of ISO 8859-1, which was allowed once (RFC 5987), with its name; of anything else
 * with the bytes as they came.
 */
static const char *decode_extended(const struct parameter *parameter, size_t *length, bool *readable)
{
    static const char utf8[] = "UTF-8'", latin[] = "ISO-8859-1'";
    char *text = (char *)(uintptr_t)parameter->value;
    const char *end = text + parameter->value_length;
    const char *first = memchr(text, '\'', parameter->value_length);
    const char *second = first != NULL ? memchr(first + 1, '\'', (size_t)(end - first - 1)) : NULL;
    const char *from = second != NULL ? second + 1 : text;
    bool is_utf8 = second != NULL && strncasecmp(text, utf8, sizeof utf8 - 1) == 0;
    bool is_latin = second != NULL && strncasecmp(text, latin, sizeof latin - 1) == 0;
    bool is_whole = true;

    for (const char *at = from; at < end; at++)
        is_whole = is_whole && (*at != '%' || percent_byte(at, (size_t)(end - at)) >= 0);
    *length = is_latin ? latin_decode(from, end, text) : percent_decode(from, end, text);
    *readable = is_utf8 && is_whole && utf8_check(text, *length) == *length;
    text[*length] = '\0';
    return text;
}

bool disposition_read(char *value, size_t length, struct disposition *disposition, struct err *err)
{
    static const char *const names[] = {"name", "filename", "filename*"};
    struct parameter parameter, found[3] = {{.name = NULL}};
    const char *at = value, *end = value + length;
    enum parameter_found more;
    bool readable = false;
    char *type_end;

    *disposition = (struct disposition){.type = NULL};
    while (at < end && *at != ';' && *at != ' ' && *at != '\t')
        at++;
    if (at == value)
        return err_set(err, ERR_INPUT, "Content-Disposition does not begin with a type");
    type_end = value + (at - value);
    while ((more = parameter_next(&at, end, &parameter)) == PARAMETER_ONE)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (parameter_is(&parameter, names[i])) {
                if (found[i].name != NULL)
                    return err_set(err, ERR_INPUT, "Content-Disposition has %s twice", names[i]);
                found[i] = parameter;
            }
    if (more == PARAMETER_BAD)
        return err_set(err, ERR_INPUT, "Content-Disposition can't be read from its character %td on", at - value + 1);
    /* The value is changed from here on. */
    *type_end = '\0';
    disposition->type = value;
    if (found[0].name != NULL)
        disposition->name = decode(&found[0], &disposition->name_length);
    if (found[2].name != NULL)
        disposition->filename = decode_extended(&found[2], &disposition->filename_length, &readable);
    if (found[1].name != NULL && !readable)
        disposition->filename = decode(&found[1], &disposition->filename_length);
    return true;
}

/*
 * Whether a character is removed from names: control characters; marks, embeddings, overrides and isolates that turn
 * the direction of writing ("gpj.exe" read from the right); line separators; characters that can't be seen and let two
 * names look alike. Joiners and variation selectors stay: Persian, the Indic scripts, Japanese names and composed emoji
 * need them.
 */
static bool is_hidden(uint32_t code)
{
    bool control = code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0xFFF9 && code <= 0xFFFB);
    bool separator = code == 0x2028 || code == 0x2029;

    return control || separator || code == 0xFFFE || code == 0xFFFF ||
           (character_is_hidden(code) && !character_is_modifier(code));
}

struct piece {
    const char *text;
    size_t length; /* 0: there is none */
};

/* Finds the next character that is kept; run counts combining marks that follow one another. */
static struct piece next_piece(const char **at, const char *end, size_t *run)
{
    while (*at < end) {
        const char *text = *at;
        size_t length = utf8_sequence(text, (size_t)(end - text));

        *at += length > 0 ? length : 1;
        /* File systems of Windows do not allow \, and a browser there would save under another name. */
        if (length == 0 || *text == '\\') {
            *run = 0;
            return (struct piece){"_", 1};
        }
        if (!is_hidden(utf8_code_point(text, length)) && !text_mark_excess(text, length, run))
            return (struct piece){text, length};
    }
    return (struct piece){"", 0};
}

static bool is_letter(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/*
 * Browsers for Windows have sent paths: C:\fakepath\a.txt, \\server\share\a.txt, ..\a.txt. Elsewhere \ is part of a
 * name.
 */
static bool is_windows_path(const char *name, size_t length)
{
    static const char *const begins[] = {"\\\\", ".\\", "..\\"};

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (length >= strlen(begins[i]) && memcmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return length > 2 && is_letter(name[0]) && name[1] == ':' && name[2] == '\\';
}

static const char *after_path(const char *name, size_t length)
{
    bool windows = is_windows_path(name, length);

    for (const char *at = name + length; at > name; at--)
        if (at[-1] == '/' || (windows && at[-1] == '\\'))
            return at;
    return name;
}

static void name_nothing(char *name)
{
    if (name[strspn(name, ". ")] == '\0')
        memcpy(name, "file", sizeof "file");
}

/* The length of the extension, with its dot, of a name of length bytes with its last dot at `dot`. */
static size_t extension_bytes(size_t length, size_t dot)
{
    return dot > 0 && dot < length && length - dot <= EXTENSION_MAX ? length - dot : 0;
}

/* The part of a name that is kept, without spaces at both ends. */
struct measure {
    const char *begin;
    size_t length;
    size_t extension; /* of length, or 0 */
};

static struct measure measure(const char *begin, const char *end)
{
    struct measure kept = {.begin = begin};
    size_t spaces = 0, dot = 0, run = 0;
    const char *at = begin;
    struct piece piece;

    while ((piece = next_piece(&at, end, &run)).length > 0) {
        if (piece.text[0] == ' ') {
            if (kept.length == 0)
                kept.begin = at;
            else
                spaces++;
            continue;
        }
        kept.length += spaces;
        spaces = 0;
        if (piece.text[0] == '.')
            dot = kept.length;
        kept.length += piece.length;
    }
    kept.extension = extension_bytes(kept.length, dot);
    return kept;
}

void disposition_name(const char *name, size_t length, char safe[DISPOSITION_NAME_BYTES])
{
    struct measure kept = measure(after_path(name, length), name + length);
    size_t stem = kept.length - kept.extension, room = DISPOSITION_NAME_BYTES - 1 - kept.extension, out = 0;
    size_t run = 0;
    const char *at = kept.begin;

    for (size_t position = 0; position < kept.length;) {
        struct piece piece = next_piece(&at, name + length, &run);
        size_t after = position + piece.length;

        if (position >= stem || after <= room) {
            memcpy(safe + out, piece.text, piece.length);
            out += piece.length;
        }
        position = after;
    }
    /* Where it was cut. */
    while (out > 0 && safe[out - 1] == ' ')
        out--;
    safe[out] = '\0';
    name_nothing(safe);
}

static bool is_digit_or_letter(char byte)
{
    return (byte >= '0' && byte <= '9') || is_letter(byte);
}

void disposition_key(const char *name, size_t length, char key[DISPOSITION_KEY_BYTES])
{
    char safe[DISPOSITION_NAME_BYTES], plain[DISPOSITION_NAME_BYTES];
    size_t out = 0, extension, stem;
    bool replaced = false;
    const char *dot;

    disposition_name(name, length, safe);
    for (const char *at = safe; *at != '\0'; at++) {
        bool keep = is_digit_or_letter(*at) || strchr("-._~", *at) != NULL;

        if (keep || !replaced)
            plain[out++] = keep ? *at : '_';
        replaced = !keep;
    }
    plain[out] = '\0';
    dot = strrchr(plain, '.');
    extension = extension_bytes(out, dot != NULL ? (size_t)(dot - plain) : 0);
    stem = out - extension;
    if (stem > DISPOSITION_KEY_BYTES - 1 - extension)
        stem = DISPOSITION_KEY_BYTES - 1 - extension;
    memcpy(key, plain, stem);
    memcpy(key + stem, plain + out - extension, extension + 1);
    name_nothing(key);
}

/* The name with '_' for each character that is not ASCII or that browsers read differently within quotes. */
static size_t write_fallback(const char *name, char *out)
{
    char *begin = out;

    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;

        if (byte < 0x80)
            *out++ = strchr("\"%", byte) != NULL ? '_' : (char)byte;
        else if (byte >= 0xC0)
            *out++ = '_';
    }
    return (size_t)(out - begin);
}

/* attr-char of RFC 8187 as it is, all else as %XX. */
static size_t write_extended(const char *name, char *out)
{
    char *begin = out;

    for (; *name != '\0'; name++)
        if (is_digit_or_letter(*name) || strchr("!#$&+-.^_`|~", *name) != NULL) {
            *out++ = *name;
        } else {
            percent_write((unsigned char)*name, out);
            out += 3;
        }
    return (size_t)(out - begin);
}

void disposition_format(enum disposition_kind kind, const char *name, char value[DISPOSITION_BYTES])
{
    static const char extended[] = "\"; filename*=UTF-8''";
    char safe[DISPOSITION_NAME_BYTES];
    size_t length, fallback;

    disposition_name(name, strlen(name), safe);
    length = (size_t)snprintf(value, DISPOSITION_BYTES, "%s; filename=\"",
                              kind == DISPOSITION_INLINE ? "inline" : "attachment");
    fallback = write_fallback(safe, value + length);
    if (fallback == strlen(safe) && memcmp(value + length, safe, fallback) == 0) {
        memcpy(value + length + fallback, "\"", sizeof "\"");
        return;
    }
    length += fallback;
    memcpy(value + length, extended, sizeof extended - 1);
    length += sizeof extended - 1;
    length += write_extended(safe, value + length);
    value[length] = '\0';
}
