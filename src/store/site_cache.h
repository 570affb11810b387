/*
 * Look-ups of sites for the gate, by the origin of a request, from the cache together with the session.
 *
 * A client chooses the Host of its request, so an origin has no item of its own. All names of hosts are divided into
 * 4096 buckets, and the sites of a bucket, or their absence, are one item. However many names clients make up, the
 * cache has at most 4096 small items more, and the database is asked at most 4096 times in site_fresh_s.
 *
 *   ABSENT --lease (SET)--> LEASED --fill (CAS)--> ENTRY --fill (CAS)--> ENTRY
 *   CHANGED, REFUSED --fill (CAS)--> ENTRY
 *   any --site_cache_forget (SET)--> CHANGED --ttl--> ABSENT
 *
 * As with sessions (session_cache.h), a fill needs the CAS of what was there before the database was read, so what was
 * read before a change can't be written after it. A tombstone is written after COMMIT, so a reader that has seen it
 * reads the new rows, and may replace the tombstone by them: a change costs a busy site one read. The items of a node
 * that could not be reached are trusted for site_fresh_s.
 */
#ifndef MAYFLY_STORE_SITE_CACHE_H
#define MAYFLY_STORE_SITE_CACHE_H

#include "gate/origin.h"
#include "gate/rules.h"
#include "store/session.h"

/* Hexadecimal digits of a digest of the host's name: 4096 buckets. sql/query/site.sql and the index have the same. */
enum { SITE_BUCKET_BYTES = 4 };

/* What the gate needs of a site. */
struct site_pass {
    struct uuid id;
    const char *name;
    struct rules rules; /* they let nobody pass when fault is set */
    const char *fault;  /* why its rules are not in force, or NULL */
};

/* The look-up of an origin. */
struct site_lookup {
    const struct origin *origin; /* borrowed, as target */
    const char *target;
    char bucket[SITE_BUCKET_BYTES];
    enum cached_state state;
    struct cache_stamp stamp;
    const unsigned char *rows; /* of the bucket */
    size_t rows_length;
    int64_t read_at_ms;
    enum db_rc found;
    bool from_cache;
    struct site_pass site;     /* with DB_ROW */
    const struct err *failure; /* with DB_FAIL */
};

/* Initialises a look-up with these arguments. */
void site_lookup_init(struct site_lookup *, const struct origin *, const char *target);

/* The keys of the lookups' buckets, each once; returns how many. There is room for count. */
size_t site_cache_keys(struct site_lookup *const *, size_t count, struct cache_key *keys);

/* Takes the answers of the cache for these keys, in the same order. */
void site_cache_take(struct site_lookup *const *, size_t count, const struct cache_item *items);

/*
 * Finds the site of each look-up that was taken, in the cached item or in the database. DB_NONE: there is no site, or
 * more than one fits (origin_choose).
 */
void sites_find_taken(struct session_store *, struct arena *, struct site_lookup *const *, size_t count);

/* Called after COMMIT and before the answer: invalidates the buckets of these hosts (cache_set). */
enum cache_written site_cache_forget(struct cache *, const char *const *hosts, size_t count) MUST_CHECK;

#endif
