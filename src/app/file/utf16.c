#include "app/file/utf16.h"

#include "base/utf8.h"

/* A pair of four bytes becomes four, half a pair one: never more than three bytes for two. */
static size_t take_unit(struct utf16 *utf16, uint32_t unit, char *text)
{
    bool low = unit >= 0xDC00 && unit < 0xE000, waited = utf16->high != 0;
    size_t length = 0;

    if (low && waited) {
        uint32_t high = utf16->high;

        utf16->high = 0;
        return utf8_encode(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00), text);
    }
    if (waited)
        text[length++] = '\xFF';
    utf16->high = unit >= 0xD800 && unit < 0xDC00 ? unit : 0;
    if (low)
        text[length++] = '\xFF';
    else if (utf16->high == 0)
        length += utf8_encode(unit, text + length);
    return length;
}

size_t utf16_read(struct utf16 *utf16, const char *bytes, size_t length, char *text)
{
    size_t out = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (utf16->has_half)
            out += take_unit(utf16,
                             utf16->big_endian ? (uint32_t)utf16->half << 8 | byte : (uint32_t)byte << 8 | utf16->half,
                             text + out);
        utf16->has_half = !utf16->has_half;
        utf16->half = byte;
    }
    return out;
}

bool utf16_is_cut(const struct utf16 *utf16)
{
    return utf16->has_half || utf16->high != 0;
}
