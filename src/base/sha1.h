/* SHA-1 (FIPS 180-4), not for security: tus clients send it as a checksum against errors of the network. */
#ifndef MAYFLY_BASE_SHA1_H
#define MAYFLY_BASE_SHA1_H

#include "base/arena.h"

enum { SHA1_BYTES = 20 };

struct sha1 {
    void *context; /* of libcrypto; goes with the arena */
};

/* False when memory is out. */
bool sha1_init(struct sha1 *, struct arena *) MUST_CHECK;
bool sha1_add(struct sha1 *, const void *bytes, size_t length) MUST_CHECK;
bool sha1_end(struct sha1 *, unsigned char digest[SHA1_BYTES]) MUST_CHECK;

#endif
