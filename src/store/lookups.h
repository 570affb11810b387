/* What a batch of requests has to know before it is served: sessions, and sites for the gate. */
#ifndef MAYFLY_STORE_LOOKUPS_H
#define MAYFLY_STORE_LOOKUPS_H

#include "store/site_cache.h"

struct lookups {
    struct session_lookup **sessions;
    size_t session_count;
    struct site_lookup **sites;
    size_t site_count;
};

/*
 * Finds all of them: one round trip to the cache, and for what has no fresh copy there one more and one to the
 * database, of each kind.
 */
void lookups_find(struct session_store *, struct arena *, const struct lookups *);

#endif
