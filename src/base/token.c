#include "base/token.h"

#include "base/bytes.h"

#include <sodium.h>
#include <string.h>

#define SESSION_PREFIX "mfs_"
#define KEY_PREFIX "mfk_"
#define INVITATION_PREFIX "mfi_"

enum {
    PREFIX_BYTES = sizeof SESSION_PREFIX - 1, /* of each */
    RAW_BYTES = UUID_BYTES + TOKEN_SECRET_BYTES,
};

static void digest(const unsigned char raw[RAW_BYTES], struct token *token)
{
    memcpy(token->id.bytes, raw, UUID_BYTES);
    crypto_generichash(token->hash, TOKEN_HASH_BYTES, raw + UUID_BYTES, TOKEN_SECRET_BYTES, NULL, 0);
}

static void make(const char *prefix, const struct clock *clock, struct token *token, char text[TOKEN_TEXT_BYTES])
{
    unsigned char raw[RAW_BYTES];
    struct uuid id = uuid_new(clock);

    memcpy(raw, id.bytes, UUID_BYTES);
    random_bytes(raw + UUID_BYTES, TOKEN_SECRET_BYTES);
    memcpy(text, prefix, PREFIX_BYTES);
    bytes_to_base64(raw, sizeof raw, text + PREFIX_BYTES);
    digest(raw, token);
    bytes_wipe(raw, sizeof raw);
}

void token_new(const struct clock *clock, struct token *token, char text[TOKEN_TEXT_BYTES])
{
    make(SESSION_PREFIX, clock, token, text);
}

void token_new_key(const struct clock *clock, struct token *token, char text[TOKEN_TEXT_BYTES])
{
    make(KEY_PREFIX, clock, token, text);
}

void token_new_invitation(const struct clock *clock, struct token *token, char text[TOKEN_TEXT_BYTES])
{
    make(INVITATION_PREFIX, clock, token, text);
}

static bool parse(const char *prefix, const char *text, size_t length, struct token *token)
{
    unsigned char raw[RAW_BYTES];

    if (length != TOKEN_TEXT_BYTES - 1 || memcmp(text, prefix, PREFIX_BYTES) != 0 ||
        !bytes_from_base64(text + PREFIX_BYTES, length - PREFIX_BYTES, raw, sizeof raw))
        return false;
    digest(raw, token);
    bytes_wipe(raw, sizeof raw);
    return true;
}

bool token_parse(const char *text, size_t length, struct token *token)
{
    return parse(SESSION_PREFIX, text, length, token);
}

bool token_parse_key(const char *text, size_t length, struct token *token)
{
    return parse(KEY_PREFIX, text, length, token);
}

bool token_parse_invitation(const char *text, size_t length, struct token *token)
{
    return parse(INVITATION_PREFIX, text, length, token);
}

bool token_is_key(const char *text, size_t length)
{
    return length >= PREFIX_BYTES && memcmp(text, KEY_PREFIX, PREFIX_BYTES) == 0;
}

bool token_hash_equal(const unsigned char a[TOKEN_HASH_BYTES], const unsigned char b[TOKEN_HASH_BYTES])
{
    return bytes_equal(a, b, TOKEN_HASH_BYTES);
}
