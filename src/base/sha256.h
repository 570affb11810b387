/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), for files' checksums and for S3's signatures. The state of a
 * running hash can be exported as bytes and imported by another worker.
 */
#ifndef MAYFLY_BASE_SHA256_H
#define MAYFLY_BASE_SHA256_H

#include "base/attr.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    SHA256_BYTES = 32,
    SHA256_HEX_BYTES = 2 * SHA256_BYTES + 1, /* with the NUL */
    SHA256_STATE_BYTES = 1 + 32 + 8 + 64,
};

struct sha256 {
    SHA256_CTX context;
};

void sha256_init(struct sha256 *);
void sha256_add(struct sha256 *, const void *bytes, size_t length);
void sha256_end(struct sha256 *, unsigned char digest[SHA256_BYTES]);

/* The running hash in SHA256_STATE_BYTES bytes, the same on every host. sha256_init's is one too. */
void sha256_export(const struct sha256 *, unsigned char state[SHA256_STATE_BYTES]);

/* Continues from what sha256_export gave; false for anything that it can't have given. */
bool sha256_import(struct sha256 *, const void *state, size_t length) MUST_CHECK;

void sha256_of(const void *bytes, size_t length, unsigned char digest[SHA256_BYTES]);
void sha256_hmac(const void *key, size_t key_length, const void *message, size_t length,
                 unsigned char mac[SHA256_BYTES]);

/* Lower-case hex, NUL-terminated. */
void sha256_hex(const unsigned char digest[SHA256_BYTES], char text[SHA256_HEX_BYTES]);

#endif
