/*
 * The beginning of every item in memcached: the number of its layout and a MAC, so that an item made without the
 * installation's secret is rejected. The MAC is keyed BLAKE2b of 128 bits over the item's key, the layout and the rest,
 * with a key derived from the secret for this use alone. So an item is invalid under another key, and so is a part of
 * an item.
 *
 * The MAC does not detect an old item of the same key. Readers check the times in it.
 */
#ifndef MAYFLY_DB_CACHE_SEAL_H
#define MAYFLY_DB_CACHE_SEAL_H

#include "base/secret.h"

#include <stdint.h>

struct cache_seal {
    uint32_t layout;
    unsigned char mac[SECRET_TAG_BYTES];
};

struct cache_keys {
    size_t count; /* 0: every item is rejected */
    unsigned char keys[SECRET_KEYS_MAX][SECRET_KEY_BYTES];
};

enum cache_trust {
    CACHE_TRUSTED,
    CACHE_OLDER,  /* of an earlier release, so rejected */
    CACHE_NEWER,  /* of a later one */
    CACHE_FORGED, /* made without the secret */
};

void cache_keys_derive(struct cache_keys *, const struct secret *);

/* bytes begins with a struct cache_seal, which is filled in; key is the item's in memcached. */
void cache_seal(const struct cache_keys *, const char *key, void *bytes, size_t length);

/* In constant time for each of the keys; the first one nearly always fits. */
enum cache_trust cache_unseal(const struct cache_keys *, const char *key, const void *bytes, size_t length) MUST_CHECK;

#endif
