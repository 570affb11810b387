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
 * A look-up with a wrong secret, or with an id that does not exist, fills nothing and gives its lease back.
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
 * cache_fresh_s after the database time at which it was read. A reader that finds another's lease does not wait: its
 * worker has other requests in hand, and reading from the database costs less than waiting.
 *
 * Two releases, with two layouts, have one key for a session. So each write of one release replaces the other's entry
 * and makes its ids old: the rule above does not depend on the layout. The older release leaves the newer one's items
 * alone and reads from the database; the newer one replaces the older one's items, so that none is left after the
 * upgrade.
 *
 * A key (store/key.h) has a copy like a session's, under its own id, which is no session's. One multi-get asks for
 * both, and the end of either leaves the same tombstone.
 *
 * Items are sealed (db/cache_seal.h). An attacker who controls memcached can't make an item, but can restore an old
 * item of the same key, or drop a tombstone. That has the effect of a node that comes back with an old entry, and the
 * same bound.
 */
#ifndef MAYFLY_STORE_SESSION_CACHE_H
#define MAYFLY_STORE_SESSION_CACHE_H

#include "store/session.h"

/* The keys of the lookups, each once; returns how many. There is room for count. */
size_t session_cache_keys(struct session_lookup *const *lookups, size_t count, struct cache_key *keys);

/* Takes the answers of the cache for these keys, in the same order: sets state, stamp and session of every lookup. */
void session_cache_take(struct session_lookup *const *lookups, size_t count, const struct cache_item *items);

/*
 * Tries to get the lease of all that are ABSENT, in one round trip. Sets state to LEASED and a stamp where it got it;
 * afterwards only these and ENTRY have a stamp.
 */
void session_cache_lease(struct cache *, struct arena *, struct session_lookup *const *lookups, size_t count);

/*
 * After the database was read: replaces the items that the stamps stand for by the sessions, and gives leases back
 * where the token is not valid. An item that has changed meanwhile is left alone.
 */
void session_cache_settle(struct cache *, struct arena *, struct session_lookup *const *lookups, size_t count);

/*
 * Called after COMMIT and before the answer. CACHE_HANGS: a node may continue at any time with an old entry, so the
 * answer waits until the node has the tombstone, or until cache_fresh_s have passed since COMMIT: then it has no entry
 * that is trusted.
 */
enum cache_written session_cache_forget(struct cache *, const struct session_ids *) MUST_CHECK;

#endif
