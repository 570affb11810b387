/* Finds the session of a token: in its cached copy, or in the database if there is no fresh one. */
#include "store/key.h"
#include "store/session_cache.h"

#include <string.h>

/* seen_at is written at most once in this part of the idle time, not on each request. */
enum { TOUCH_PARTS = 20 };

static bool touch_due(const struct session *session, int64_t now_ms)
{
    return now_ms - session->seen_at_ms > session->idle_ms / TOUCH_PARTS;
}

/* Whether a copy may be served without asking the database. */
static bool usable(const struct session_store *store, const struct session *session)
{
    int64_t now_ms = store->clock->now_ms();

    return cache_is_fresh(session->read_at_ms, now_ms, store->config->cache_fresh_s) && !touch_due(session, now_ms) &&
           now_ms < session->expires_at_ms && now_ms < session->seen_at_ms + session->idle_ms;
}

static bool read_row(struct arena *arena, const struct db_result *rows, int row, struct session *session,
                     struct err *err)
{
    size_t hash_length;
    unsigned char *hash = db_parse_bytes(arena, db_value(rows, row, 1), &hash_length);

    *session = (struct session){
        .read_at_ms = db_number(rows, row, 2),
        .seen_at_ms = db_number(rows, row, 3),
        .idle_ms = db_number(rows, row, 4),
        .expires_at_ms = db_number(rows, row, 5),
        .profile = db_value(rows, row, 7),
        .username = db_value(rows, row, 8),
        .email = db_value(rows, row, 9),
        .groups = db_value(rows, row, 10),
    };
    if (!db_id(rows, row, 0, &session->id, err) || !db_id(rows, row, 6, &session->account, err))
        return false;
    if (hash == NULL || hash_length != TOKEN_HASH_BYTES)
        return err_set(err, ERR_BUG, "the hash of a session can't be read");
    memcpy(session->hash, hash, TOKEN_HASH_BYTES);
    return true;
}

/* A touch that fails only makes the idle time shorter, so it is no error of the request. */
static void touch(struct session_store *store, struct arena *arena, struct session *session)
{
    struct err ignored = {.kind = ERR_NONE};
    struct db_result row;

    if (db_query(store->db, arena, session->is_key ? sql_key_touch(&session->id) : sql_session_touch(&session->id),
                 &row, &ignored) == DB_ROW)
        session->seen_at_ms = db_number(&row, 0, 0);
}

static bool secret_fits(const struct session_lookup *lookup, const struct session *session)
{
    if (lookup->visit_scope != NULL)
        return visit_fits(&lookup->visit, lookup->visit_scope, session->hash);
    return token_hash_equal(session->hash, lookup->token.hash);
}

/*
 * Gives a session that was read to each lookup with its id and its secret. A lookup with the id alone does not touch
 * it.
 */
static void hand_out(struct session_store *store, struct arena *arena, struct session *session,
                     struct session_lookup *const *lookups, size_t count)
{
    bool wanted = false;

    for (size_t i = 0; i < count; i++) {
        bool fits = lookups[i]->is_key == session->is_key && uuid_equal(&lookups[i]->token.id, &session->id) &&
                    secret_fits(lookups[i], session);

        if (fits && !wanted && touch_due(session, session->read_at_ms))
            touch(store, arena, session);
        wanted = wanted || fits;
        if (!fits)
            continue;
        lookups[i]->session = *session;
        lookups[i]->found = DB_ROW;
    }
}

/* Reads all sessions in one query, or all keys; no rows when there are none to be looked up. */
static enum db_rc query_all(struct session_store *store, struct arena *arena, struct session_lookup *const *lookups,
                            size_t count, bool keys, struct db_result *rows, struct err *err)
{
    struct uuid *ids = arena_alloc(arena, count * sizeof *ids);
    size_t first = 0, last = 0, asked = 0;

    rows->rows = 0;
    if (ids == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    for (size_t i = 0; i < count; i++) {
        if (lookups[i]->is_key != keys)
            continue;
        ids[asked] = lookups[i]->token.id;
        if (memcmp(&ids[asked], &ids[first], sizeof *ids) < 0)
            first = asked;
        if (memcmp(&ids[asked], &ids[last], sizeof *ids) > 0)
            last = asked;
        asked++;
    }
    if (asked == 0)
        return DB_NONE;
    return db_query(store->db, arena,
                    keys ? sql_keys_find((struct db_uuids){ids, asked})
                         : sql_sessions_find((struct db_uuids){ids, asked}, &ids[first], &ids[last]),
                    rows, err);
}

static bool read_all(struct session_store *store, struct arena *arena, struct session_lookup *const *lookups,
                     size_t count, bool keys, struct err *err)
{
    struct db_result rows;

    if (query_all(store, arena, lookups, count, keys, &rows, err) == DB_FAIL)
        return false;
    for (int row = 0; row < rows.rows; row++) {
        struct session session;

        if (!(keys ? key_read(arena, &rows, row, &session, err) : read_row(arena, &rows, row, &session, err)))
            return false;
        if (keys)
            session.idle_ms = TOUCH_PARTS * KEY_TOUCH_MS;
        hand_out(store, arena, &session, lookups, count);
    }
    return true;
}

static void fail_all(struct session_lookup *const *lookups, size_t count, const struct err *failure)
{
    for (size_t i = 0; i < count; i++) {
        lookups[i]->found = DB_FAIL;
        lookups[i]->failure = failure;
    }
}

static void ask_database(struct session_store *store, struct arena *arena, struct session_lookup *const *lookups,
                         size_t count, struct err *failure)
{
    session_cache_lease(store->cache, arena, lookups, count);
    if (!read_all(store, arena, lookups, count, false, failure) ||
        !read_all(store, arena, lookups, count, true, failure)) {
        fail_all(lookups, count, failure);
        return;
    }
    session_cache_settle(store->cache, arena, lookups, count);
}

/* A copy of any age has the hash, which never changes, so a wrong secret is refused without the database. */
static bool decided_by_copy(const struct session_store *store, struct session_lookup *lookup)
{
    bool fits;

    if (lookup->state != CACHED_ENTRY)
        return false;
    fits = secret_fits(lookup, &lookup->session);
    if (fits && !usable(store, &lookup->session))
        return false;
    lookup->found = fits ? DB_ROW : DB_NONE;
    return true;
}

void sessions_find_taken(struct session_store *store, struct arena *arena, struct session_lookup *const *lookups,
                         size_t count)
{
    static const struct err out_of_memory = {.kind = ERR_DOWN, .detail = "out of memory"};
    struct session_lookup **missing = arena_alloc(arena, count * sizeof *missing);
    struct err *failure = arena_zalloc(arena, sizeof *failure);
    size_t missed = 0;

    if (missing == NULL || failure == NULL) {
        fail_all(lookups, count, &out_of_memory);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        lookups[i]->found = DB_NONE;
        lookups[i]->from_cache = decided_by_copy(store, lookups[i]);
        if (!lookups[i]->from_cache)
            missing[missed++] = lookups[i];
    }
    if (missed > 0)
        ask_database(store, arena, missing, missed, failure);
}
