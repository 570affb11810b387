#include "store/session.h"

#include "store/session_cache.h"

#include <stdio.h>
#include <string.h>

/* seen_at is written at most once in this part of the idle time, not on each request. */
enum { TOUCH_PARTS = 20 };

/* A copy that claims to be from the future by more than this was read on a host whose clock is off: not trusted. */
enum { CLOCK_SKEW_MS = 1000 };

static bool touch_due(const struct session *session, int64_t now_ms)
{
    return now_ms - session->seen_at_ms > session->idle_ms / TOUCH_PARTS;
}

/* Whether a copy may be served without asking the database. */
static bool usable(const struct session_store *store, const struct session *session)
{
    int64_t now_ms = store->clock->now_ms();
    int64_t age_ms = now_ms - session->read_at_ms;

    return age_ms >= -CLOCK_SKEW_MS && age_ms <= store->config->cache_fresh_s * 1000 && !touch_due(session, now_ms) &&
           now_ms < session->expires_at_ms && now_ms < session->seen_at_ms + session->idle_ms;
}

/* The ids of all lookups as PostgreSQL writes an array, the first and the last of them; NULL when memory is out. */
static const char *array_of_ids(struct arena *arena, struct session_lookup *const *lookups, size_t count,
                                char first[UUID_TEXT_BYTES], char last[UUID_TEXT_BYTES])
{
    char *text = arena_alloc(arena, count * UUID_TEXT_BYTES + 2), *at = text;
    size_t least = 0, most = 0;

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct uuid *id = &lookups[i]->token.id;

        *at++ = i == 0 ? '{' : ',';
        uuid_format(id, at);
        at += UUID_TEXT_BYTES - 1;
        if (memcmp(id, &lookups[least]->token.id, sizeof *id) < 0)
            least = i;
        if (memcmp(id, &lookups[most]->token.id, sizeof *id) > 0)
            most = i;
    }
    memcpy(at, "}", 2);
    uuid_format(&lookups[least]->token.id, first);
    uuid_format(&lookups[most]->token.id, last);
    return text;
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
    if (hash == NULL || hash_length != TOKEN_HASH_BYTES || !uuid_parse(db_value(rows, row, 0), &session->id) ||
        !uuid_parse(db_value(rows, row, 6), &session->account))
        return err_set(err, ERR_BUG, "session row can't be read");
    memcpy(session->hash, hash, TOKEN_HASH_BYTES);
    return true;
}

/* A touch that fails costs nothing but a shorter idle time, so its error is not the request's. */
static void touch(struct session_store *store, struct arena *arena, struct session *session)
{
    char text[UUID_TEXT_BYTES];
    const char *const values[] = {text};
    struct err ignored = {.kind = ERR_NONE};
    struct db_result row;

    uuid_format(&session->id, text);
    if (db_query(store->db, arena, STATEMENT_SESSION_TOUCH, values, &row, &ignored) == DB_ROW)
        session->seen_at_ms = db_number(&row, 0, 0);
}

static bool secret_fits(const struct session_lookup *lookup, const struct session *session)
{
    return token_hash_equal(session->hash, lookup->token.hash);
}

/* A session that was read goes to each lookup that has its id and its secret. Who has only the id does not touch it. */
static void hand_out(struct session_store *store, struct arena *arena, struct session *session,
                     struct session_lookup *const *lookups, size_t count)
{
    bool wanted = false;

    for (size_t i = 0; i < count; i++) {
        bool fits = uuid_equal(&lookups[i]->token.id, &session->id) && secret_fits(lookups[i], session);

        if (fits && !wanted && touch_due(session, session->read_at_ms))
            touch(store, arena, session);
        wanted = wanted || fits;
        if (!fits)
            continue;
        lookups[i]->session = *session;
        lookups[i]->found = DB_ROW;
    }
}

/* One query for all. */
static bool read_sessions(struct session_store *store, struct arena *arena, struct session_lookup *const *lookups,
                          size_t count, struct err *err)
{
    char first[UUID_TEXT_BYTES], last[UUID_TEXT_BYTES];
    const char *const values[] = {array_of_ids(arena, lookups, count, first, last), first, last};
    struct db_result rows;

    if (values[0] == NULL)
        return err_memory(err);
    if (db_query(store->db, arena, STATEMENT_SESSIONS_FIND, values, &rows, err) == DB_FAIL)
        return false;
    for (int row = 0; row < rows.rows; row++) {
        struct session session;

        if (!read_row(arena, &rows, row, &session, err))
            return false;
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
    if (!read_sessions(store, arena, lookups, count, failure)) {
        fail_all(lookups, count, failure);
        return;
    }
    session_cache_settle(store->cache, arena, lookups, count);
}

/* A copy of any age knows the hash, which never changes: whoever has another secret is refused without a look elsewhere. */
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

void sessions_find(struct session_store *store, struct arena *arena, struct session_lookup *const *lookups,
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
    session_cache_get(store->cache, arena, lookups, count);
    for (size_t i = 0; i < count; i++) {
        lookups[i]->found = DB_NONE;
        lookups[i]->from_cache = decided_by_copy(store, lookups[i]);
        if (!lookups[i]->from_cache)
            missing[missed++] = lookups[i];
    }
    if (missed > 0)
        ask_database(store, arena, missing, missed, failure);
}

bool session_ids_add(struct session_ids *ids, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct uuid *longer = arena_alloc(arena, (ids->count + 1) * sizeof *longer);

    if (longer == NULL)
        return err_memory(err);
    if (ids->count > 0)
        memcpy(longer, ids->ids, ids->count * sizeof *longer);
    longer[ids->count] = *id;
    *ids = (struct session_ids){.ids = longer, .count = ids->count + 1};
    return true;
}

bool session_ids_read(struct session_ids *ids, struct arena *arena, const struct db_result *result, struct err *err)
{
    struct uuid *longer = arena_alloc(arena, (ids->count + (size_t)result->rows) * sizeof *longer);

    if (longer == NULL)
        return err_memory(err);
    if (ids->count > 0)
        memcpy(longer, ids->ids, ids->count * sizeof *longer);
    for (int row = 0; row < result->rows; row++)
        if (!uuid_parse(db_value(result, row, 0), &longer[ids->count++]))
            return err_set(err, ERR_BUG, "not an id: %s", db_value(result, row, 0));
    ids->ids = longer;
    return true;
}

bool session_make_partitions(struct session_store *store, struct arena *arena, struct err *err)
{
    const char *const values[] = {"2"};
    struct db_result ignored;

    return db_query(store->db, arena, STATEMENT_PARTITIONS_KEEP, values, &ignored, err) != DB_FAIL;
}

static bool end_oldest(struct session_store *store, struct arena *arena, const char *account, const char *keep,
                       struct session_ids *ended, struct err *err)
{
    char most[24];
    const char *const values[] = {account, most, keep};
    struct db_result rows;

    snprintf(most, sizeof most, "%lld", (long long)store->config->sessions_per_account);
    if (db_query(store->db, arena, STATEMENT_SESSION_END_OLDEST, values, &rows, err) == DB_FAIL)
        return false;
    return session_ids_read(ended, arena, &rows, err);
}

/* A failed check without a name: no partition takes the new id. */
static void tell_missing_partition(struct err *err)
{
    if (err->kind != ERR_VALUE || err->field[0] != '\0')
        return;
    err_clear(err);
    err_field(err, ERR_DOWN, SESSION_NO_PARTITION, "no partition for today; run mayflyctl sweep daily");
}

bool session_create(struct session_store *store, struct arena *arena, const struct token *token,
                    const struct uuid *account, const struct session_limits *limits,
                    const struct session_origin *origin, struct session_expiry *expiry, struct session_ids *ended,
                    struct err *err)
{
    char id_text[UUID_TEXT_BYTES], account_text[UUID_TEXT_BYTES], idle[24], absolute[24];
    const char *const values[] = {id_text,
                                  account_text,
                                  db_bytes(arena, token->hash, TOKEN_HASH_BYTES),
                                  idle,
                                  absolute,
                                  limits->remember ? "t" : "f",
                                  origin->user_agent,
                                  origin->address};
    struct db_result row;

    if (values[2] == NULL)
        return err_memory(err);
    uuid_format(&token->id, id_text);
    uuid_format(account, account_text);
    snprintf(idle, sizeof idle, "%lld", (long long)limits->idle_s);
    snprintf(absolute, sizeof absolute, "%lld", (long long)limits->absolute_s);
    if (db_query(store->db, arena, STATEMENT_SESSION_CREATE, values, &row, err) != DB_ROW) {
        tell_missing_partition(err);
        return err_set(err, ERR_BUG, "session was not made");
    }
    *expiry = (struct session_expiry){.latest_ms = db_number(&row, 0, 0), .unused_ms = db_number(&row, 0, 1)};
    return end_oldest(store, arena, account_text, id_text, ended, err);
}

enum db_rc session_rotate(struct session_store *store, struct arena *arena, const struct session *session,
                          const struct token *token, bool *remember, struct session_expiry *expiry, struct err *err)
{
    char old_text[UUID_TEXT_BYTES], account_text[UUID_TEXT_BYTES], new_text[UUID_TEXT_BYTES];
    const char *const values[] = {old_text, account_text, new_text, db_bytes(arena, token->hash, TOKEN_HASH_BYTES)};
    struct db_result row;
    enum db_rc rc;

    if (values[3] == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    uuid_format(&session->id, old_text);
    uuid_format(&session->account, account_text);
    uuid_format(&token->id, new_text);
    rc = db_query(store->db, arena, STATEMENT_SESSION_ROTATE, values, &row, err);
    if (rc != DB_ROW) {
        tell_missing_partition(err);
        return rc;
    }
    *remember = db_flag(&row, 0, 0);
    *expiry = (struct session_expiry){.latest_ms = db_number(&row, 0, 1), .unused_ms = db_number(&row, 0, 2)};
    return DB_ROW;
}

bool session_confirm(struct session_store *store, struct arena *arena, const struct session *session, struct err *err)
{
    const char **values = arena_alloc(arena, 2 * sizeof *values);
    char *id = arena_alloc(arena, UUID_TEXT_BYTES), *account = arena_alloc(arena, UUID_TEXT_BYTES);

    if (values == NULL || id == NULL || account == NULL)
        return err_memory(err);
    uuid_format(&session->id, id);
    uuid_format(&session->account, account);
    values[0] = id;
    values[1] = account;
    return db_queue(store->db, STATEMENT_SESSION_CONFIRM, values, err);
}

enum db_rc session_lives(struct session_store *store, struct arena *arena, const struct token *token, struct err *err)
{
    char id[UUID_TEXT_BYTES];
    const char *const values[] = {id, db_bytes(arena, token->hash, TOKEN_HASH_BYTES)};
    struct db_result row;

    if (values[1] == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    uuid_format(&token->id, id);
    return db_query(store->db, arena, STATEMENT_SESSION_LIVES, values, &row, err);
}

bool sessions_lock(struct session_store *store, struct arena *arena, const struct uuid *account, struct err *err)
{
    struct db_result row;

    switch (db_query_by_id(store->db, arena, STATEMENT_SESSIONS_LOCK, account, NULL, &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_LOGIN, "the account is gone");
    case DB_ROW:
        break;
    }
    return true;
}

enum db_rc session_end(struct session_store *store, struct arena *arena, const struct uuid *id,
                       const struct uuid *account, struct err *err)
{
    char id_text[UUID_TEXT_BYTES], account_text[UUID_TEXT_BYTES];
    const char *const values[] = {id_text, account_text};
    struct db_result row;

    uuid_format(id, id_text);
    uuid_format(account, account_text);
    return db_query(store->db, arena, STATEMENT_SESSION_END, values, &row, err);
}

bool session_end_others(struct session_store *store, struct arena *arena, const struct uuid *account,
                        const struct uuid *keep, struct session_ids *ended, struct err *err)
{
    char account_text[UUID_TEXT_BYTES], keep_text[UUID_TEXT_BYTES];
    const char *const values[] = {account_text, keep_text};
    struct db_result rows;

    uuid_format(account, account_text);
    uuid_format(keep, keep_text);
    if (db_query(store->db, arena, STATEMENT_SESSION_END_OTHERS, values, &rows, err) == DB_FAIL)
        return false;
    return session_ids_read(ended, arena, &rows, err);
}

bool session_ids_of(struct session_store *store, struct arena *arena, const struct uuid *account,
                    struct session_ids *ids, struct err *err)
{
    char account_text[UUID_TEXT_BYTES];
    const char *const values[] = {account_text};
    struct db_result rows;

    uuid_format(account, account_text);
    if (db_query(store->db, arena, STATEMENT_SESSION_IDS, values, &rows, err) == DB_FAIL)
        return false;
    return session_ids_read(ids, arena, &rows, err);
}

bool session_list(struct session_store *store, struct arena *arena, const struct uuid *account,
                  const struct uuid *current, const char **json, struct err *err)
{
    char account_text[UUID_TEXT_BYTES], current_text[UUID_TEXT_BYTES], most[24];
    const char *const values[] = {account_text, current_text, most};
    struct db_result row;

    uuid_format(account, account_text);
    uuid_format(current, current_text);
    snprintf(most, sizeof most, "%d", SESSION_LIST_MAX);
    if (db_query(store->db, arena, STATEMENT_SESSION_LIST, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "no list of sessions");
    *json = db_value(&row, 0, 0);
    return true;
}
