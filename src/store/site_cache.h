/*
 * Sites as the gate asks for them: by the origin of a request, from the cache beside the session.
 *
 * Whoever sends a request chooses its Host, so an origin has no item of its own. All names of hosts fall into
 * 4096 buckets, and the sites of each bucket, none as well, are one item: however many names strangers make up,
 * the cache has 4096 small items more, and the database is asked 4096 times in site_fresh_s at most.
 *
 *   ABSENT --lease (SET)--> LEASED --fill (CAS)--> ENTRY --fill (CAS)--> ENTRY
 *   CHANGED, REFUSED --fill (CAS)--> ENTRY
 *   any --site_cache_forget (SET)--> CHANGED --ttl--> ABSENT
 *
 * As with sessions (session_cache.h), a fill needs the CAS of what was there before the database was read, so what was
 * read before a change can't be written after it. A tombstone is written after COMMIT, so who has seen one reads what
 * holds from then on, and may put that in its place: a change costs a busy site one read. A node that could not be told
 * is believed for site_fresh_s.
 */
#ifndef MAYFLY_STORE_SITE_CACHE_H
#define MAYFLY_STORE_SITE_CACHE_H

#include "gate/origin.h"
#include "gate/rules.h"
#include "store/session.h"

/* Hexadecimal digits of a digest of the host's name: 4096 buckets. sql/query/site.sql and the index have the same. */
enum { SITE_BUCKET_BYTES = 4 };

/* What the gate has to know of a site. */
struct site_pass {
    struct uuid id;
    const char *name;
    struct rules rules; /* nobody's when fault is set */
    const char *fault;  /* why its rules are not in force, or NULL */
};

/* An origin on its way to a site. */
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

/* Zeroes but for what is given. */
void site_lookup_init(struct site_lookup *, const struct origin *, const char *target);

/* The keys of the lookups' buckets, each once; returns how many. There is room for count. */
size_t site_cache_keys(struct site_lookup *const *, size_t count, struct cache_key *keys);

/* What the cache has said of these keys, in the same order. */
void site_cache_take(struct site_lookup *const *, size_t count, const struct cache_item *items);

/*
 * Of those that were taken: finds each one's site, in what is cached or in the database. DB_NONE: there is no site
 * there, or it can't be told which (origin_choose).
 */
void sites_find_taken(struct session_store *, struct arena *, struct site_lookup *const *, size_t count);

/* After COMMIT and before it is answered: the buckets of these hosts have changed (cache_set). */
enum cache_written site_cache_forget(struct cache *, const char *const *hosts, size_t count) MUST_CHECK;

#endif
