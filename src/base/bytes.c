#include "base/bytes.h"

#include <sodium.h>

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

bool bytes_from_hex(const char *text, size_t text_length, void *bytes, size_t size)
{
    size_t length;

    return sodium_hex2bin(bytes, size, text, text_length, NULL, &length, NULL) == 0 && length == size;
}

void bytes_to_base64(const void *bytes, size_t length, char *text)
{
    sodium_bin2base64(text, BASE64_TEXT_BYTES(length), bytes, length, VARIANT);
}

/* -1, all bits set, when c is in low..high; else 0. */
static int within(int c, int low, int high)
{
    return -(int)((unsigned)((low - 1 - c) & (c - high - 1)) >> 31);
}

/*
 * The six bits of a character, or -1. Without a branch or a table, so that no timing tells of a secret. libsodium's decoder
 * does the same, but is called for each request and took a sixth of the worker's own time; besides, 1.0.18 takes every
 * byte from 0x80 on for an 'A'.
 */
static int six_bits(unsigned char c)
{
    return -1 + (within(c, 'A', 'Z') & (c - 'A' + 1)) + (within(c, 'a', 'z') & (c - 'a' + 27)) +
           (within(c, '0', '9') & (c - '0' + 53)) + (within(c, '-', '-') & 63) + (within(c, '_', '_') & 64);
}

bool bytes_from_base64(const char *text, size_t text_length, void *bytes, size_t size)
{
    unsigned char *out = bytes;
    unsigned bits = 0, held = 0;
    int signs = 0;

    if (text_length != BASE64_TEXT_BYTES(size) - 1)
        return false;
    for (size_t i = 0; i < text_length; i++) {
        int next = six_bits((unsigned char)text[i]);

        signs |= next;
        bits = bits << 6 | ((unsigned)next & 0x3F);
        held += 6;
        if (held >= 8) {
            held -= 8;
            *out++ = (unsigned char)(bits >> held);
        }
    }
    return signs >= 0 && (bits & ((1u << held) - 1)) == 0;
}
