/*
 * The installation's secret: it signs forms and device cookies, encrypts stored outcomes, and authenticates copies in
 * the cache. Sessions do not depend on it, so rotating it logs nobody out. Its file has one 32-byte key in hex per
 * line: the first one signs, all of them are accepted. ctl/secret_file.h writes it.
 */
#ifndef MAYFLY_BASE_SECRET_H
#define MAYFLY_BASE_SECRET_H

#include "base/arena.h"
#include "base/err.h"

enum {
    SECRET_KEY_BYTES = 32,
    SECRET_MAC_BYTES = 32,
    SECRET_TAG_BYTES = 16,
    SECRET_NAME_BYTES = 9,    /* of a key, with the NUL */
    SECRET_LINE_BYTES = 1022, /* of its file, as of the settings: a key and a remark */
    SECRET_KEYS_MAX = 4,      /* a rotation overlaps two; the rest is margin */
};

struct secret {
    size_t count;
    unsigned char keys[SECRET_KEYS_MAX][SECRET_KEY_BYTES];
};

/* The name of a key for people and logs; it tells nothing about the key. */
void secret_name(const struct secret *, size_t key, char name[SECRET_NAME_BYTES]);

/* Reads the file; ERR_INPUT names the line that is wrong. */
bool secret_load(struct secret *, const char *path, struct err *) MUST_CHECK;

/* Keyed BLAKE2b of purpose and message. The purpose makes a value of one use invalid for another. */
void secret_mac(const struct secret *, size_t key, const char *purpose, const void *message, size_t length,
                unsigned char mac[SECRET_MAC_BYTES]);

/*
 * For values that are checked at each request: a key for one purpose, derived once, and a keyed BLAKE2b of 128 bits
 * over several parts in sequence. The boundaries are not part of the hash, so all parts but the last have a fixed
 * length or end with a NUL.
 */
struct secret_part {
    const void *bytes;
    size_t length;
};

void secret_derive(const struct secret *, size_t key, const char *purpose, unsigned char derived[SECRET_KEY_BYTES]);
void secret_tag(const unsigned char derived[SECRET_KEY_BYTES], const struct secret_part *parts, size_t count,
                unsigned char tag[SECRET_TAG_BYTES]);

/*
 * Authenticated encryption of a text for a context (XChaCha20-Poly1305, key derived from secret and context). The
 * result lives in the arena. secret_open is false when no key fits or the bytes were changed.
 */
bool secret_seal(const struct secret *, struct arena *, const void *context, size_t context_length, const void *text,
                 size_t length, unsigned char **sealed, size_t *sealed_length, struct err *) MUST_CHECK;
bool secret_open(const struct secret *, struct arena *, const void *context, size_t context_length,
                 const unsigned char *sealed, size_t sealed_length, char **text, size_t *length,
                 struct err *) MUST_CHECK;

#endif
