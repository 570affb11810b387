#include "db/cache_seal.h"

#include "base/bytes.h"

#include <string.h>

/*
 * The lower half is raised with each change of what is stored. On a machine of the other byte order it reads
 * differently, so each rejects the other's items as forged. Layout 1 had no MAC.
 */
static const uint32_t LAYOUT = 0x6D660002;
static const uint32_t LAYOUT_FAMILY = 0xFFFF0000;

void cache_keys_derive(struct cache_keys *keys, const struct secret *secret)
{
    keys->count = secret->count;
    for (size_t i = 0; i < secret->count; i++)
        secret_derive(secret, i, "cache", keys->keys[i]);
}

static void make_mac(const unsigned char key[SECRET_KEY_BYTES], const char *name, const void *bytes, size_t length,
                     unsigned char mac[SECRET_TAG_BYTES])
{
    const struct secret_part parts[] = {
        {&LAYOUT, sizeof LAYOUT},
        {name, strlen(name) + 1},
        {(const unsigned char *)bytes + sizeof(struct cache_seal), length - sizeof(struct cache_seal)},
    };

    secret_tag(key, parts, sizeof parts / sizeof parts[0], mac);
}

void cache_seal(const struct cache_keys *keys, const char *key, void *bytes, size_t length)
{
    struct cache_seal seal = {.layout = LAYOUT};

    if (keys->count > 0)
        make_mac(keys->keys[0], key, bytes, length, seal.mac);
    memcpy(bytes, &seal, sizeof seal);
}

enum cache_trust cache_unseal(const struct cache_keys *keys, const char *key, const void *bytes, size_t length)
{
    unsigned char mac[SECRET_TAG_BYTES];
    struct cache_seal seal;

    if (length < sizeof seal)
        return CACHE_FORGED;
    memcpy(&seal, bytes, sizeof seal);
    if (seal.layout != LAYOUT && (seal.layout & LAYOUT_FAMILY) == (LAYOUT & LAYOUT_FAMILY))
        return seal.layout < LAYOUT ? CACHE_OLDER : CACHE_NEWER;
    for (size_t i = 0; seal.layout == LAYOUT && i < keys->count; i++) {
        make_mac(keys->keys[i], key, bytes, length, mac);
        if (bytes_equal(mac, seal.mac, sizeof mac))
            return CACHE_TRUSTED;
    }
    return CACHE_FORGED;
}
