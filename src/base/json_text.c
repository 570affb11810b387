#include "base/json_text.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The longest piece one character becomes: \u001f. */
enum { PIECE_BYTES = 6 };

static size_t character_bytes(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Writes the JSON form of the character at text to piece and says how many bytes of text it took. */
static size_t quote_character(const char *text, size_t left, char piece[PIECE_BYTES + 1], size_t *taken)
{
    unsigned char byte = (unsigned char)text[0];
    size_t width = character_bytes(byte);

    *taken = 1;
    if (byte == '"' || byte == '\\')
        return (size_t)snprintf(piece, PIECE_BYTES + 1, "\\%c", byte);
    if (byte < 0x20 || byte == 0x7F)
        return (size_t)snprintf(piece, PIECE_BYTES + 1, "\\u%04x", byte);
    if (width > left || utf8_check(text, width) != width)
        return (size_t)snprintf(piece, PIECE_BYTES + 1, "\xEF\xBF\xBD");
    memcpy(piece, text, width);
    *taken = width;
    return width;
}

/* How many of the next characters need no escape; nearly all need none. */
static size_t plain_run(const char *text, size_t most)
{
    size_t length = 0;

    while (length < most && text[length] >= 0x20 && text[length] < 0x7F && text[length] != '"' && text[length] != '\\')
        length++;
    return length;
}

size_t json_text_quote(char *out, size_t size, const char *text)
{
    size_t left = strlen(text), length = 0;

    out[length++] = '"';
    while (left > 0) {
        size_t room = size - 2 - length;
        size_t taken = plain_run(text, left < room ? left : room), added = taken;
        char piece[PIECE_BYTES + 1];
        const char *from = text;

        if (taken == 0) {
            added = quote_character(text, left, piece, &taken);
            from = piece;
        }
        if (added > room)
            break;
        memcpy(out + length, from, added);
        length += added;
        text += taken;
        left -= taken;
    }
    out[length++] = '"';
    out[length] = '\0';
    return length;
}
