#include "base/token.h"

#include <sodium.h>
#include <string.h>

static const char prefix[] = "mfs_";

enum {
    PREFIX_BYTES = sizeof prefix - 1,
    RAW_BYTES = UUID_BYTES + TOKEN_SECRET_BYTES,
    VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

static void digest(const unsigned char raw[RAW_BYTES], struct token *token)
{
    memcpy(token->id.bytes, raw, UUID_BYTES);
    crypto_generichash(token->hash, TOKEN_HASH_BYTES, raw + UUID_BYTES, TOKEN_SECRET_BYTES, NULL, 0);
}

void token_new(const struct clock *clock, struct token *token, char text[TOKEN_TEXT_BYTES])
{
    unsigned char raw[RAW_BYTES];
    struct uuid id = uuid_new(clock);

    memcpy(raw, id.bytes, UUID_BYTES);
    random_bytes(raw + UUID_BYTES, TOKEN_SECRET_BYTES);
    memcpy(text, prefix, PREFIX_BYTES);
    sodium_bin2base64(text + PREFIX_BYTES, TOKEN_TEXT_BYTES - PREFIX_BYTES, raw, sizeof raw, VARIANT);
    digest(raw, token);
    sodium_memzero(raw, sizeof raw);
}

bool token_parse(const char *text, size_t length, struct token *token)
{
    unsigned char raw[RAW_BYTES];
    size_t raw_length;

    if (length != TOKEN_TEXT_BYTES - 1 || memcmp(text, prefix, PREFIX_BYTES) != 0)
        return false;
    /* libsodium 1.0.18 takes every byte from 0x80 on for an 'A'. */
    for (size_t i = PREFIX_BYTES; i < length; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    if (sodium_base642bin(raw, sizeof raw, text + PREFIX_BYTES, length - PREFIX_BYTES, NULL, &raw_length, NULL,
                          VARIANT) != 0 ||
        raw_length != sizeof raw)
        return false;
    digest(raw, token);
    sodium_memzero(raw, sizeof raw);
    return true;
}

bool token_hash_equal(const unsigned char a[TOKEN_HASH_BYTES], const unsigned char b[TOKEN_HASH_BYTES])
{
    return sodium_memcmp(a, b, TOKEN_HASH_BYTES) == 0;
}
