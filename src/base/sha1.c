#include "base/sha1.h"

#include <openssl/evp.h>

static void release(void *context)
{
    EVP_MD_CTX_free(context);
}

bool sha1_init(struct sha1 *hash, struct arena *arena)
{
    hash->context = EVP_MD_CTX_new();
    return hash->context != NULL && arena_defer(arena, release, hash->context) &&
           EVP_DigestInit_ex(hash->context, EVP_sha1(), NULL) == 1;
}

bool sha1_add(struct sha1 *hash, const void *bytes, size_t length)
{
    return EVP_DigestUpdate(hash->context, bytes, length) == 1;
}

bool sha1_end(struct sha1 *hash, unsigned char digest[SHA1_BYTES])
{
    unsigned length;

    return EVP_DigestFinal_ex(hash->context, digest, &length) == 1 && length == SHA1_BYTES;
}
