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

bool bytes_from_base64(const char *text, size_t text_length, void *bytes, size_t size)
{
    size_t length;

    /* libsodium 1.0.18 takes every byte from 0x80 on for an 'A'. */
    for (size_t i = 0; i < text_length; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return sodium_base642bin(bytes, size, text, text_length, NULL, &length, NULL, VARIANT) == 0 && length == size;
}
