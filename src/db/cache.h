/*
 * The client of memcached, and the only file that uses libmemcached. The cache is optional: an operation that fails or
 * takes longer than cache_timeout_ms is a miss, and its node is skipped for cache_retry_s. Keys do not move to another
 * node when one fails, so a node that comes back has no old items of another node's keys.
 *
 * Every value begins with a struct cache_seal (db/cache_seal.h), which this file fills in and checks. So every value
 * that is read was written under this key by a process with the installation's secret.
 */
#ifndef MAYFLY_DB_CACHE_H
#define MAYFLY_DB_CACHE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "db/cache_seal.h"

struct cache;

enum { CACHE_KEY_BYTES = 48 /* with the NUL; our keys are 41 characters */ };

struct cache_key {
    char text[CACHE_KEY_BYTES];
};

/*
 * What a later compare-and-set needs. memcached counts its ids from 1 again after a restart, and libmemcached
 * reconnects by itself, so an id alone could match another item. A stamp from before a failed call is therefore
 * invalid. The model (t/model) found this, and it happens with the real libraries.
 */
struct cache_stamp {
    uint64_t cas; /* 0: none */
    uint64_t generation;
};

struct cache_item {
    const unsigned char *bytes; /* NULL: not there, or its seal is wrong */
    size_t length;
    struct cache_stamp stamp; /* also of an item whose seal is wrong */
    enum cache_trust trust;
};

/* ERR_INPUT when the list of nodes can't be understood. Connects when first needed. */
bool cache_new(struct cache **cachep, const struct config *, const struct clock *, const struct log *,
               struct err *) MUST_CHECK;
void cache_free(struct cache *);

/* Sets the secret by which items are sealed. Until then nothing is written, and every read is a miss. */
void cache_use_secret(struct cache *, const struct secret *);

/* Whether a cache is configured at all. */
bool cache_enabled(const struct cache *);

/* Reads count keys in one round trip per node; values are copied into the arena. A failure is a miss. */
void cache_get(struct cache *, struct arena *, const struct cache_key *keys, struct cache_item *items, size_t count);

/* Writes one value to each of the keys, sealed for each, and reads the items back, in one round trip per node. */
void cache_set_and_get(struct cache *, struct arena *, const struct cache_key *keys, size_t count, void *bytes,
                       size_t length, int ttl_s, struct cache_item *items);

/* Writes if the item was not written since it was read with this stamp; does not wait for the answer. */
void cache_compare_and_set(struct cache *, const struct cache_key *, void *bytes, size_t length, int ttl_s,
                           struct cache_stamp);

/* Removes the item in the same case. */
void cache_compare_and_remove(struct cache *, const struct cache_key *, struct cache_stamp);

/*
 * Nodes that could not be reached in one operation, which may write many keys: each of them is tried once. Zeroes at
 * its beginning.
 */
struct cache_losses {
    uint64_t nodes; /* a bit for each */
};

/* The result of a write; later ones are worse. */
enum cache_written {
    CACHE_WRITTEN,
    CACHE_UNREACHABLE, /* no connection, or it ended: the node may have the item or not, and is not asked again */
    /* connected, but no answer: the node may continue at any time, and serve other clients before it reads this */
    CACHE_HANGS,
};

/*
 * Writes unconditionally: on a new connection when the old one fails, and also to a node that cache_get skips. A node
 * among the losses is not tried. A node that hangs is tried again only after cache_hang_pause_ms, so that it takes at
 * most a fifth of the worker's time, however many requests wait for it (t/5535).
 */
enum cache_written cache_set(struct cache *, const struct cache_key *, void *bytes, size_t length, int ttl_s,
                             struct cache_losses *) MUST_CHECK;

/* After CACHE_HANGS: the time before another cache_set is worth trying. */
int64_t cache_hang_pause_ms(const struct cache *);

/* The statistics of a node. Counters are since its start; all are 0 when it is not up. */
struct cache_node {
    const char *name; /* as the configuration has it */
    bool up;
    int64_t items, bytes, bytes_max, hits, misses, evictions;
};

/* Asks every node for its statistics: how many there are, in the arena. 0 without a cache, or without memory. */
size_t cache_nodes(struct cache *, struct arena *, const struct cache_node **nodesp);

/*
 * Whether a copy that was read at read_at_ms is fresh at now_ms, both by the wall clock: it is not older than fresh_s,
 * nor from the future, which means that a host's clock is wrong.
 */
bool cache_is_fresh(int64_t read_at_ms, int64_t now_ms, int64_t fresh_s);

/* Asks every node; ERR_DOWN when one of them does not answer. */
bool cache_ping(struct cache *, struct err *) MUST_CHECK;

#endif
