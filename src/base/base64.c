#include "base/base64.h"

#include <sodium.h>

bool base64_decode(const char *text, size_t length, void *bytes, size_t size, size_t *decoded)
{
    *decoded = 0;
    /* libsodium 1.0.18 takes every byte from 0x80 on for an 'A'. */
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    if (sodium_base642bin(bytes, size, text, length, NULL, decoded, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
        return true;
    *decoded = 0;
    return false;
}
