#include "base/sha256.h"

#include <string.h>

/* The layout of an exported state: version, eight words, count of bits, the block that is not full yet (zeros behind). */
enum {
    STATE_VERSION = 1,
    WORDS = 8,
    WORDS_AT = 1,
    COUNT_AT = WORDS_AT + 4 * WORDS,
    BLOCK_AT = COUNT_AT + 8,
    BLOCK = 64
};

void sha256_init(struct sha256 *hash)
{
    crypto_hash_sha256_init(&hash->state);
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
    crypto_hash_sha256_update(&hash->state, bytes, length);
}

void sha256_end(struct sha256 *hash, unsigned char digest[SHA256_BYTES])
{
    crypto_hash_sha256_final(&hash->state, digest);
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
    memset(state, 0, SHA256_STATE_BYTES);
    state[0] = STATE_VERSION;
    for (size_t i = 0; i < WORDS; i++)
        put_big_endian(state + WORDS_AT + 4 * i, hash->state.state[i], 4);
    put_big_endian(state + COUNT_AT, hash->state.count, 8);
    memcpy(state + BLOCK_AT, hash->state.buf, pending(hash->state.count));
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
    for (size_t i = 0; i < WORDS; i++)
        hash->state.state[i] = (uint32_t)get_big_endian(state + WORDS_AT + 4 * i, 4);
    hash->state.count = bits;
    memcpy(hash->state.buf, state + BLOCK_AT, BLOCK);
    return true;
}

void sha256_of(const void *bytes, size_t length, unsigned char digest[SHA256_BYTES])
{
    crypto_hash_sha256(digest, bytes, length);
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
