/*
 * By OpenSSL, which uses the processor's SHA instructions: four to five times as fast as libsodium, and uploads spend
 * most of their time here. The state of its newer functions (EVP) can't be exported before OpenSSL 3.6, so the older
 * ones are used.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.h"

#include <sodium.h>
#include <string.h>

/*
 * The layout of an exported state: version, eight words, count of bits, the block that is not full yet (followed by
 * zeros).
 */
enum {
    STATE_VERSION = 1,
    WORDS = 8,
    WORDS_AT = 1,
    COUNT_AT = WORDS_AT + 4 * WORDS,
    BLOCK_AT = COUNT_AT + 8,
    BLOCK = 64
};

/* These functions can't fail; they return a result only because others of OpenSSL can. */
void sha256_init(struct sha256 *hash)
{
    SHA256_Init(&hash->context);
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
    SHA256_Update(&hash->context, bytes, length);
}

void sha256_end(struct sha256 *hash, unsigned char digest[SHA256_BYTES])
{
    SHA256_Final(digest, &hash->context);
}

static void put_big_endian(unsigned char *at, uint64_t number, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--, number >>= 8)
        at[i - 1] = (unsigned char)number;
}

static uint64_t get_big_endian(const unsigned char *at, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

/* How many bytes of the last block are there already. */
static size_t pending(uint64_t bits)
{
    return bits / 8 % BLOCK;
}

void sha256_export(const struct sha256 *hash, unsigned char state[SHA256_STATE_BYTES])
{
    const SHA256_CTX *context = &hash->context;
    uint64_t bits = (uint64_t)context->Nh << 32 | context->Nl;

    memset(state, 0, SHA256_STATE_BYTES);
    state[0] = STATE_VERSION;
    for (size_t i = 0; i < WORDS; i++)
        put_big_endian(state + WORDS_AT + 4 * i, context->h[i], 4);
    put_big_endian(state + COUNT_AT, bits, 8);
    memcpy(state + BLOCK_AT, context->data, pending(bits));
}

bool sha256_import(struct sha256 *hash, const void *bytes, size_t length)
{
    const unsigned char *state = bytes;
    uint64_t bits;

    if (length != SHA256_STATE_BYTES || state[0] != STATE_VERSION)
        return false;
    bits = get_big_endian(state + COUNT_AT, 8);
    if (bits % 8 != 0)
        return false;
    for (size_t i = pending(bits); i < BLOCK; i++)
        if (state[BLOCK_AT + i] != 0)
            return false;
    sha256_init(hash);
    for (size_t i = 0; i < WORDS; i++)
        hash->context.h[i] = (SHA_LONG)get_big_endian(state + WORDS_AT + 4 * i, 4);
    hash->context.Nh = (SHA_LONG)(bits >> 32);
    hash->context.Nl = (SHA_LONG)bits;
    hash->context.num = (unsigned)pending(bits);
    memcpy(hash->context.data, state + BLOCK_AT, BLOCK);
    return true;
}

void sha256_of(const void *bytes, size_t length, unsigned char digest[SHA256_BYTES])
{
    struct sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, bytes, length);
    sha256_end(&hash, digest);
}

void sha256_hmac(const void *key, size_t key_length, const void *message, size_t length,
                 unsigned char mac[SHA256_BYTES])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, key, key_length);
    crypto_auth_hmacsha256_update(&state, message, length);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
}

void sha256_hex(const unsigned char digest[SHA256_BYTES], char text[SHA256_HEX_BYTES])
{
    sodium_bin2hex(text, SHA256_HEX_BYTES, digest, SHA256_BYTES);
}
