/* Sessions: the authoritative rows are in PostgreSQL, copies in the cache (session_cache.h). */
#ifndef MAYFLY_STORE_SESSION_H
#define MAYFLY_STORE_SESSION_H

#include "base/visit.h"
#include "db/cache.h"
#include "db/db.h"
#include "store/session_ids.h"

/*
 * The data of a live session. Strings live in the arena of the look-up. Times are in ms since 1970, by the database's
 * clock.
 */
struct session {
    struct uuid id;
    struct uuid account;
    unsigned char hash[TOKEN_HASH_BYTES];
    int64_t read_at_ms;
    int64_t seen_at_ms;
    int64_t idle_ms;
    int64_t expires_at_ms;
    const char *profile; /* ready JSON */
    const char *username;
    const char *email;
    const char *groups; /* separated by commas */
    /*
     * For a key (store/key.h), whose id this is: it has no document, and ends by expires_at alone. Zero for a session.
     */
    bool is_key;
    bool all_sites;
    unsigned scopes;          /* bits of enum key_scope */
    const struct uuid *sites; /* without all_sites: the sites that it opens */
    size_t site_count;
};

/* The state of a session's key in the cache; see session_cache.h for who moves it. */
enum cached_state {
    CACHED_UNKNOWN, /* not asked, the node did not answer, or a later release's */
    CACHED_REFUSED, /* of an earlier release, or forged */
    CACHED_ABSENT,
    CACHED_LEASED,
    CACHED_ENDED, /* a tombstone */
    CACHED_ENTRY,
};

/* The look-up of a token: of a session, or of a key, which is found in the same way. */
struct session_lookup {
    struct token token;                    /* for a visit only its id, which is the session's */
    bool is_key;                           /* the token is a key's */
    struct visit visit;                    /* with visit_scope */
    const struct visit_scope *visit_scope; /* NULL: it is no visit; borrowed */
    enum cached_state state;
    struct cache_stamp stamp;
    enum db_rc found;
    bool from_cache;           /* the database was not asked */
    bool forged;               /* memcached had an item that was not made with the installation's secret */
    struct session session;    /* with DB_ROW */
    const struct err *failure; /* with DB_FAIL: why it could not be looked up (ERR_DOWN) */
};

struct session_limits {
    int64_t idle_s;
    int64_t absolute_s;
    bool remember;
};

/* In ms since 1970. */
struct session_expiry {
    int64_t latest_ms; /* used or not */
    int64_t unused_ms; /* unless it is used before; clients see it as expires_at */
};

struct session_origin {
    const char *user_agent; /* up to 256 characters of UTF-8 */
    const char *address;    /* IPv4 or IPv6 text, or NULL */
};

struct session_store {
    struct db *db;
    struct cache *cache;
    const struct config *config;
    const struct clock *clock;
};

/*
 * After the cache was asked for all lookups (store/lookups.h): finds those without a fresh copy, with one more round
 * trip to the cache and one to the database. Sets found: DB_ROW, DB_NONE (there is none, it ended or expired, or the
 * secret is wrong) or DB_FAIL.
 */
void sessions_find_taken(struct session_store *, struct arena *, struct session_lookup *const *lookups, size_t count);

/*
 * The sweep makes partitions days ahead. If it has not run, session_create fails with this as err->field; the caller
 * makes the partitions outside of the transaction and tries once more.
 */
#define SESSION_NO_PARTITION "partition"
bool session_make_partitions(struct session_store *, struct arena *, struct err *) MUST_CHECK;

/* The statements below run inside the caller's transaction. */

/* Makes a session and ends the account's least used ones beyond sessions_per_account; their ids go to *ended. */
bool session_create(struct session_store *, struct arena *, const struct token *, const struct uuid *account,
                    const struct session_limits *, const struct session_origin *, struct session_expiry *,
                    struct session_ids *ended, struct err *) MUST_CHECK;

/* Replaces a session by one with a new token, the same limits and the same document. DB_NONE: it ended meanwhile. */
enum db_rc session_rotate(struct session_store *, struct arena *, const struct session *, const struct token *,
                          bool *remember, struct session_expiry *, struct err *) MUST_CHECK;

/*
 * Inside a transaction: it commits only if the session that began it is still alive, else it fails with ERR_LOGIN. Sent
 * together with the next statement.
 */
bool session_confirm(struct session_store *, const struct session *, struct err *) MUST_CHECK;

/* DB_NONE: the token's session has ended, or there never was one. */
enum db_rc session_lives(struct session_store *, struct arena *, const struct token *, struct err *) MUST_CHECK;

/*
 * Called before a session ends others of its account, and locks the account: each change locks its own session at its
 * end (session_confirm), so two sessions that end each other would wait for each other.
 */
bool sessions_lock(struct session_store *, struct arena *, const struct uuid *account, struct err *) MUST_CHECK;

enum db_rc session_end(struct session_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                       struct err *) MUST_CHECK;
bool session_end_others(struct session_store *, struct arena *, const struct uuid *account, const struct uuid *keep,
                        struct session_ids *ended, struct err *) MUST_CHECK;

/* Whether its last log-in or change of the password was within this time. DB_NONE: it was not. */
enum db_rc session_recent(struct session_store *, struct arena *, const struct session *, int64_t seconds,
                          struct err *) MUST_CHECK;

/* The ids of all sessions and keys of an account, for changes that make their cached copies out of date. */
bool session_ids_of(struct session_store *, struct arena *, const struct uuid *account, struct session_ids *,
                    struct err *) MUST_CHECK;

/* sessions_per_account may be more; those that were not used for the longest are left out. */
enum { SESSION_LIST_MAX = 200 };

/* The account's live sessions as a JSON array, at most SESSION_LIST_MAX. */
bool session_list(struct session_store *, struct arena *, const struct uuid *account, const struct uuid *current,
                  const char **json, struct err *) MUST_CHECK;

#endif
