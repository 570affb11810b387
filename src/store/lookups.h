/* Looks up what a batch of requests needs: sessions, and sites for the gate. */
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
 * Finds all of them with one round trip to the cache. For each kind, those without a fresh copy take one more and one
 * to the database.
 */
void lookups_find(struct session_store *, struct arena *, const struct lookups *);

#endif
