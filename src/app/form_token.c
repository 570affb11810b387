#include "app/form_token.h"

#include <sodium.h>
#include <string.h>

static void make(const struct secret *secret, size_t key, const struct session *session, char token[FORM_TOKEN_BYTES])
{
    unsigned char message[UUID_BYTES + TOKEN_HASH_BYTES], mac[SECRET_MAC_BYTES];

    memcpy(message, session->id.bytes, UUID_BYTES);
    memcpy(message + UUID_BYTES, session->hash, TOKEN_HASH_BYTES);
    secret_mac(secret, key, "form", message, sizeof message, mac);
    sodium_bin2base64(token, FORM_TOKEN_BYTES, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void form_token_make(const struct secret *secret, const struct session *session, char token[FORM_TOKEN_BYTES])
{
    make(secret, 0, session, token);
}

bool form_token_valid(const struct secret *secret, const struct session *session, const char *token)
{
    char expected[FORM_TOKEN_BYTES];

    if (strlen(token) != FORM_TOKEN_BYTES - 1)
        return false;
    for (size_t key = 0; key < secret->count; key++) {
        make(secret, key, session, expected);
        if (sodium_memcmp(expected, token, FORM_TOKEN_BYTES - 1) == 0)
            return true;
    }
    return false;
}
