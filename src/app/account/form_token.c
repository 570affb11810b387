#include "app/account/form_token.h"

#include "base/bytes.h"

#include <string.h>

enum { HOST_MAX = 253 /* RFC 1035 */ };

static void make(const struct secret *secret, size_t key, const struct session *session, const char *host,
                 char token[FORM_TOKEN_BYTES])
{
    _Static_assert(FORM_TOKEN_BYTES == BASE64_TEXT_BYTES(SECRET_MAC_BYTES), "it fits");
    unsigned char message[UUID_BYTES + TOKEN_HASH_BYTES + HOST_MAX], mac[SECRET_MAC_BYTES];
    size_t length = strlen(host) < HOST_MAX ? strlen(host) : HOST_MAX;

    memcpy(message, session->id.bytes, UUID_BYTES);
    memcpy(message + UUID_BYTES, session->hash, TOKEN_HASH_BYTES);
    memcpy(message + UUID_BYTES + TOKEN_HASH_BYTES, host, length);
    secret_mac(secret, key, "form", message, UUID_BYTES + TOKEN_HASH_BYTES + length, mac);
    bytes_to_base64(mac, sizeof mac, token);
}

void form_token_make(const struct secret *secret, const struct session *session, const char *host,
                     char token[FORM_TOKEN_BYTES])
{
    make(secret, 0, session, host, token);
}

bool form_token_valid(const struct secret *secret, const struct session *session, const char *host, const char *token)
{
    char expected[FORM_TOKEN_BYTES];

    if (strlen(token) != FORM_TOKEN_BYTES - 1)
        return false;
    for (size_t key = 0; key < secret->count; key++) {
        make(secret, key, session, host, expected);
        if (bytes_equal(expected, token, FORM_TOKEN_BYTES - 1))
            return true;
    }
    return false;
}
