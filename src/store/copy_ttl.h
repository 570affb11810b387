/* How long memcached keeps the items of cached copies: of sessions (session_cache.h) and of sites (site_cache.h). */
#ifndef MAYFLY_STORE_COPY_TTL_H
#define MAYFLY_STORE_COPY_TTL_H

enum {
    /* Longer than any request takes, so that most requests that began before the change find it. */
    COPY_TOMBSTONE_TTL_S = 60,
    /*
     * Longer than a read of the database may take. A lease whose holder died delays no request; it only prevents fills.
     */
    COPY_LEASE_TTL_S = 10,
    /* A hint for memcached, which may drop entries that are not read any more. Readers check the times in entries. */
    COPY_ENTRY_TTL_S = 300,
};

#endif
