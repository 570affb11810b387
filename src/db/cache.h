/*
 * The one file that knows libmemcached. The cache is never needed: an operation that fails or takes longer than
 * cache_timeout_ms is a miss, and its node is skipped for cache_retry_s. Keys never move to another node when one
 * fails, so a node that comes back holds no other node's past.
 *
 * Every value begins with a struct cache_seal (db/cache_seal.h), which this file fills in and checks: so nothing comes
 * out of memcached that nobody with the installation's secret has put in under that very key.
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
 * reconnects by itself, so an id alone could meet another item: a stamp of before any failed call is void. The model
 * (t/model) found this, and the real libraries do it.
 */
struct cache_stamp {
    uint64_t cas; /* 0: none */
    uint64_t generation;
};

struct cache_item {
    const unsigned char *bytes; /* NULL: not there, or not believed */
    size_t length;
    struct cache_stamp stamp; /* also of what is not believed */
    enum cache_trust trust;
};

/* ERR_INPUT when the list of nodes can't be understood. Connects when first needed. */
bool cache_new(struct cache **cachep, const struct config *, const struct clock *, const struct log *,
               struct err *) MUST_CHECK;
void cache_free(struct cache *);

/* By what items are sealed. Until it is told, nothing is written and nothing believed. */
void cache_use_secret(struct cache *, const struct secret *);

/* Whether a cache is configured at all. */
bool cache_enabled(const struct cache *);

/*
 * Reads count keys in one round trip per node; values are copied into the arena. Never fails: what fails is not there.
 */
void cache_get(struct cache *, struct arena *, const struct cache_key *keys, struct cache_item *items, size_t count);

/* Writes one value to each of the keys, sealed for each, and reads what is there then: one round trip per node. */
void cache_set_and_get(struct cache *, struct arena *, const struct cache_key *keys, size_t count, void *bytes,
                       size_t length, int ttl_s, struct cache_item *items);

/* Writes when nobody wrote since the item with this stamp was read; does not wait for the answer. */
void cache_compare_and_set(struct cache *, const struct cache_key *, void *bytes, size_t length, int ttl_s,
                           struct cache_stamp);

/* Removes it in the same case. */
void cache_compare_and_remove(struct cache *, const struct cache_key *, struct cache_stamp);

/*
 * Nodes that could not be reached in one operation, which may write many keys: each of them is tried once. Zeroes at
 * its beginning.
 */
struct cache_losses {
    uint64_t nodes; /* a bit for each */
};

/* What became of a write; the later is the worse. */
enum cache_written {
    CACHE_WRITTEN,
    CACHE_UNREACHABLE, /* no connection, or it ended: the node has it or not, and is not asked again */
    /* connected and without an answer: the node may go on at any time, and serve others before it reads this */
    CACHE_HANGS,
};

/*
 * Writes in any case: on a new connection when the old one fails, and also to a node that cache_get skips. Not to one
 * that is among the losses; and one that hangs is tried again only after cache_hang_pause_ms, so that however many wait
 * for it, it takes no more than a fifth of the worker's time (t/5535).
 */
enum cache_written cache_set(struct cache *, const struct cache_key *, void *bytes, size_t length, int ttl_s,
                             struct cache_losses *) MUST_CHECK;

/* After CACHE_HANGS: when a further cache_set may bring something else. */
int64_t cache_hang_pause_ms(const struct cache *);

/* What a node says of itself. Counters are since its start; all are 0 when it is not up. */
struct cache_node {
    const char *name; /* as the configuration has it */
    bool up;
    int64_t items, bytes, bytes_max, hits, misses, evictions;
};

/* Asks every node for its statistics: how many there are, in the arena. 0 without a cache, or without memory. */
size_t cache_nodes(struct cache *, struct arena *, const struct cache_node **nodesp);

/*
 * Whether a copy of what was read at read_at_ms may still be believed at now_ms, both by the wall clock: not when it is
 * older than fresh_s, and not when it claims to be from the future, which means that a host's clock is off.
 */
bool cache_is_fresh(int64_t read_at_ms, int64_t now_ms, int64_t fresh_s);

/* Asks every node; ERR_DOWN when one of them does not answer. */
bool cache_ping(struct cache *, struct err *) MUST_CHECK;

#endif
