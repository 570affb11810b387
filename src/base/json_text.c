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

size_t json_text_quote(char *out, size_t size, const char *text)
{
    size_t left = strlen(text), length = 0;

    out[length++] = '"';
    while (left > 0) {
        char piece[PIECE_BYTES + 1];
        size_t taken, added = quote_character(text, left, piece, &taken);

        if (length + added + 2 > size)
            break;
        memcpy(out + length, piece, added);
        length += added;
        text += taken;
        left -= taken;
    }
    out[length++] = '"';
    out[length] = '\0';
    return length;
}
