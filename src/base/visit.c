#include "base/visit.h"

#include "base/bytes.h"

#include <string.h>

static const char prefix[] = "mfv_";

enum {
    PREFIX_BYTES = sizeof prefix - 1,
    RAW_BYTES = UUID_BYTES + SECRET_MAC_BYTES,
    HOST_MAX = 253, /* RFC 1035 */
};

static void make_mac(const struct visit_scope *scope, size_t key, const struct uuid *session,
                     const unsigned char hash[TOKEN_HASH_BYTES], unsigned char mac[SECRET_MAC_BYTES])
{
    unsigned char message[UUID_BYTES + TOKEN_HASH_BYTES + HOST_MAX];
    size_t host = strlen(scope->host) < HOST_MAX ? strlen(scope->host) : HOST_MAX;

    memcpy(message, session->bytes, UUID_BYTES);
    memcpy(message + UUID_BYTES, hash, TOKEN_HASH_BYTES);
    memcpy(message + UUID_BYTES + TOKEN_HASH_BYTES, scope->host, host);
    secret_mac(scope->secret, key, "visit", message, UUID_BYTES + TOKEN_HASH_BYTES + host, mac);
}

void visit_make(const struct visit_scope *scope, const struct uuid *session, const unsigned char hash[TOKEN_HASH_BYTES],
                char text[VISIT_TEXT_BYTES])
{
    unsigned char raw[RAW_BYTES];

    memcpy(raw, session->bytes, UUID_BYTES);
    make_mac(scope, 0, session, hash, raw + UUID_BYTES);
    memcpy(text, prefix, PREFIX_BYTES);
    bytes_to_base64(raw, sizeof raw, text + PREFIX_BYTES);
    bytes_wipe(raw, sizeof raw);
}

bool visit_parse(const char *text, size_t length, struct visit *visit)
{
    unsigned char raw[RAW_BYTES];

    if (length != VISIT_TEXT_BYTES - 1 || memcmp(text, prefix, PREFIX_BYTES) != 0 ||
        !bytes_from_base64(text + PREFIX_BYTES, length - PREFIX_BYTES, raw, sizeof raw))
        return false;
    memcpy(visit->session.bytes, raw, UUID_BYTES);
    memcpy(visit->mac, raw + UUID_BYTES, SECRET_MAC_BYTES);
    bytes_wipe(raw, sizeof raw);
    return true;
}

bool visit_fits(const struct visit *visit, const struct visit_scope *scope, const unsigned char hash[TOKEN_HASH_BYTES])
{
    unsigned char mac[SECRET_MAC_BYTES];
    bool fits = false;

    for (size_t i = 0; scope->host != NULL && !fits && i < scope->secret->count; i++) {
        make_mac(scope, i, &visit->session, hash, mac);
        fits = bytes_equal(mac, visit->mac, sizeof mac);
    }
    bytes_wipe(mac, sizeof mac);
    return fits;
}
