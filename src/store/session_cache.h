/*
 * The cached copy of a session, as a state machine over one key. t/model/session_cache.pml is its model.
 *
 *   ABSENT --session_cache_lease (SET)--> LEASED --session_cache_settle (CAS)--> ENTRY, or ABSENT
 *   ENTRY   --session_cache_settle (CAS)--> ENTRY
 *   REFUSED --session_cache_settle (CAS)--> ENTRY
 *   any    --session_cache_forget (SET)--> ENDED --ttl--> ABSENT
 *
 * What a reader does with what session_cache_take found:
 *   ENTRY with the hash of another secret  refuses the token; the database is not asked
 *   ENTRY, fresh and not due for a touch   serves it; the database is not asked
 *   ENTRY, else                            reads the database, then fills by CAS
 *   REFUSED                                the same: the item is not trusted, but a CAS may replace it
 *   ABSENT                                 leases, reads the database, then fills by the CAS of its own lease
 *   LEASED by another, ENDED, UNKNOWN      reads the database and leaves the cache alone
 *
 * Who presents a wrong secret, or an id that nobody has, fills nothing and gives its lease back.
 *
 * A lease is SET, not ADDed, since SETs of a batch leave in one call. Of two that found nothing the later one fills; a
 * tombstone that came in between may be overwritten, and that does no harm, since it has made every id old already, and
 * the lease's holder reads the database after it.
 *
 * Why it holds: a fill needs the CAS of what was there before the database was read. Whatever happens in between, be it
 * a tombstone, another fill, an eviction or a flush, changes or removes that item, and the fill is dropped; a restart
 * voids the stamp (db/cache.h). A change commits, then writes the tombstone, then is answered; so after the answer no
 * copy from before can be filled, and none is there. A node that hangs is waited for, at most until its entries are too
 * old. Only a node that was unreachable at that moment may come back with an old entry: it is trusted until
 * cache_fresh_s after the database time at which it was read. Those who meet another's lease do not wait: a worker has
 * other requests in hand, and reading through costs less than sleeping.
 *
 * Two releases, with two layouts, have one key for a session. So whatever one of them writes takes the other's entry
 * away and makes its ids old: the law above knows no layouts. The older release leaves the newer one's items alone and
 * reads through; the newer one replaces the older one's, so that after the upgrade no item of before is in the way.
 *
 * A key (store/key.h) has a copy like a session's, under its own id, which is no session's. One multi-get asks for
 * both, and the end of either leaves the same tombstone.
 *
 * Items are sealed (db/cache_seal.h). Whoever controls memcached can't make one, but can put back an old item of the
 * same key, or keep a tombstone from it: that is the node that comes back with an old entry, and has the same bound.
 */
#ifndef MAYFLY_STORE_SESSION_CACHE_H
#define MAYFLY_STORE_SESSION_CACHE_H

#include "store/session.h"

/* The keys of the lookups, each once; returns how many. There is room for count. */
size_t session_cache_keys(struct session_lookup *const *lookups, size_t count, struct cache_key *keys);

/* What the cache has said of these keys, in the same order: sets state, stamp and session of every lookup. */
void session_cache_take(struct session_lookup *const *lookups, size_t count, const struct cache_item *items);

/*
 * Of those that are ABSENT: tries to become the one that fills, for all in one round trip. Sets state to LEASED and a
 * stamp where it is; leaves only those and ENTRY with a stamp.
 */
void session_cache_lease(struct cache *, struct arena *, struct session_lookup *const *lookups, size_t count);

/*
 * After the database was read: puts the session in the place of what the stamps stand for, and gives leases back where
 * the token was none. What is gone meanwhile stays gone.
 */
void session_cache_settle(struct cache *, struct arena *, struct session_lookup *const *lookups, size_t count);

/*
 * After COMMIT and before the answer. CACHE_HANGS: a node may go on at any time with an old entry, so nobody is
 * answered before it was told, or before cache_fresh_s have passed since COMMIT: then it has no entry that is trusted.
 */
enum cache_written session_cache_forget(struct cache *, const struct session_ids *) MUST_CHECK;

#endif
