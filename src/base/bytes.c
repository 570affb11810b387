#include "base/bytes.h"

#include <endian.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

void bytes_wipe(void *bytes, size_t length)
{
    sodium_memzero(bytes, length);
}

bool bytes_equal(const void *a, const void *b, size_t length)
{
    return sodium_memcmp(a, b, length) == 0;
}

void bytes_to_hex(const void *bytes, size_t length, char *text)
{
    sodium_bin2hex(text, HEX_TEXT_BYTES(length), bytes, length);
}

int bytes_hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool bytes_from_hex(const char *text, size_t text_length, void *bytes, size_t size)
{
    size_t length;

    return sodium_hex2bin(bytes, size, text, text_length, NULL, &length, NULL) == 0 && length == size;
}

void bytes_to_base64(const void *bytes, size_t length, char *text)
{
    sodium_bin2base64(text, BASE64_TEXT_BYTES(length), bytes, length, VARIANT);
}

/*
 * base64url is decoded here, eight characters at once, since each request needs it: libsodium's decoder took a sixth of
 * the worker's own time (and version 1.0.18 reads every byte from 0x80 on as an 'A'). As in libsodium, no branch and no
 * table index depends on the content, so that timing tells nothing about a secret. Each byte of a word is a lane; the
 * first character is in the highest one.
 */
enum { LANES = sizeof(uint64_t), LANES_BYTES = LANES * 6 / 8 };

static uint64_t in_all_lanes(unsigned char value)
{
    return UINT64_C(0x0101010101010101) * value;
}

/* All bits of the lanes that are low..high. No lane may be above 0x7F, or it would carry into the next one. */
static uint64_t within(uint64_t lanes, unsigned char low, unsigned char high)
{
    uint64_t at_least = lanes + in_all_lanes((unsigned char)(0x80 - low));
    uint64_t above = lanes + in_all_lanes((unsigned char)(0x7F - high));

    return ((at_least & ~above & in_all_lanes(0x80)) >> 7) * 0xFF;
}

/* The six bits that each lane's character stands for; sets bits of *wrong when a character is not of the alphabet. */
static uint64_t six_bits(uint64_t lanes, uint64_t *wrong)
{
    uint64_t ascii = lanes & in_all_lanes(0x7F);
    uint64_t upper = within(ascii, 'A', 'Z'), lower = within(ascii, 'a', 'z'), digit = within(ascii, '0', '9');
    uint64_t minus = within(ascii, '-', '-'), underscore = within(ascii, '_', '_');

    *wrong |= (lanes ^ ascii) | ~(upper | lower | digit | minus | underscore);
    return ascii - (upper & in_all_lanes('A')) - (lower & in_all_lanes('a' - 26)) + (digit & in_all_lanes(52 - '0')) +
           (minus & in_all_lanes(62 - '-')) - (underscore & in_all_lanes('_' - 63));
}

/* Moves the six bits of eight lanes together: 48 bits, the first character's still highest. */
static uint64_t pack(uint64_t lanes)
{
    lanes = (lanes & UINT64_C(0x3F003F003F003F00)) >> 2 | (lanes & UINT64_C(0x003F003F003F003F));
    lanes = (lanes & UINT64_C(0x0FFF00000FFF0000)) >> 4 | (lanes & UINT64_C(0x00000FFF00000FFF));
    return (lanes & UINT64_C(0x00FFFFFF00000000)) >> 8 | (lanes & UINT64_C(0x0000000000FFFFFF));
}

/* The next characters, followed by 'A', which stands for zeros. */
static uint64_t read_lanes(const char *text, size_t left)
{
    char next[LANES] = {'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A'};
    uint64_t lanes;

    memcpy(next, text, left < LANES ? left : LANES);
    memcpy(&lanes, next, sizeof lanes);
    return be64toh(lanes);
}

bool bytes_from_base64(const char *text, size_t text_length, void *bytes, size_t size)
{
    unsigned char *out = bytes;
    uint64_t wrong = 0;

    if (text_length != BASE64_TEXT_BYTES(size) - 1)
        return false;
    for (size_t at = 0; at < text_length; at += LANES) {
        uint64_t bits = htobe64(pack(six_bits(read_lanes(text + at, text_length - at), &wrong)) << 16);
        size_t wanted = size < LANES_BYTES ? size : LANES_BYTES;

        memcpy(out, &bits, wanted);
        out += wanted;
        size -= wanted;
        /* The bits after the last byte must be zero. */
        wrong |= be64toh(bits) << (8 * wanted);
    }
    return wrong == 0;
}
