#include "store/lookups.h"

#include "store/session_cache.h"

static void ask_cache(struct cache *cache, struct arena *arena, const struct lookups *lookups)
{
    size_t most = lookups->session_count + lookups->site_count, sessions, sites;
    struct cache_key *keys = arena_alloc(arena, most * sizeof *keys);
    struct cache_item *items = arena_alloc(arena, most * sizeof *items);

    if (keys == NULL || items == NULL)
        return;
    sessions = session_cache_keys(lookups->sessions, lookups->session_count, keys);
    sites = site_cache_keys(lookups->sites, lookups->site_count, keys + sessions);
    if (!cache_enabled(cache))
        return;
    cache_get(cache, arena, keys, items, sessions + sites);
    session_cache_take(lookups->sessions, lookups->session_count, items);
    site_cache_take(lookups->sites, lookups->site_count, items + sessions);
}

void lookups_find(struct session_store *store, struct arena *arena, const struct lookups *lookups)
{
    ask_cache(store->cache, arena, lookups);
    if (lookups->session_count > 0)
        sessions_find_taken(store, arena, lookups->sessions, lookups->session_count);
    if (lookups->site_count > 0)
        sites_find_taken(store, arena, lookups->sites, lookups->site_count);
}
