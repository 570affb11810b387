#include "store/session.h"

bool session_make_partitions(struct session_store *store, struct arena *arena, struct err *err)
{
    enum { TODAY_AND_TOMORROW = 2 };
    struct db_result ignored;

    return db_query(store->db, arena, sql_partitions_keep(TODAY_AND_TOMORROW), &ignored, err) != DB_FAIL;
}

/* A failed check without a name: there is no partition for the new id. */
static void tell_missing_partition(struct err *err)
{
    if (err->kind != ERR_VALUE || err->field[0] != '\0')
        return;
    err_clear(err);
    err_field(err, ERR_DOWN, SESSION_NO_PARTITION, "no partition for today; run mayflyctl sweep daily");
}

/* Reads two adjacent columns, as session_create and session_rotate answer them. */
static struct session_expiry read_expiry(const struct db_result *row, int column)
{
    return (struct session_expiry){.latest_ms = db_number(row, 0, column), .unused_ms = db_number(row, 0, column + 1)};
}

/* Ends sessions, or only finds them: the ids that the statement answers are added to *ids. */
static bool ids_by(struct session_store *store, struct arena *arena, struct db_call call, struct session_ids *ids,
                   struct err *err)
{
    struct db_result rows;

    return db_query(store->db, arena, call, &rows, err) != DB_FAIL && session_ids_read(ids, arena, &rows, err);
}

bool session_create(struct session_store *store, struct arena *arena, const struct token *token,
                    const struct uuid *account, const struct session_limits *limits,
                    const struct session_origin *origin, struct session_expiry *expiry, struct session_ids *ended,
                    struct err *err)
{
    const struct db_call create =
        sql_session_create(&token->id, account, DB_ARRAY(token->hash), limits->idle_s, limits->absolute_s,
                           limits->remember, origin->user_agent, origin->address);
    const struct db_call end_oldest = sql_session_end_oldest(account, store->config->sessions_per_account, &token->id);
    struct db_result row;

    if (db_query(store->db, arena, create, &row, err) != DB_ROW) {
        tell_missing_partition(err);
        return err_set(err, ERR_BUG, "session was not made");
    }
    *expiry = read_expiry(&row, 0);
    return ids_by(store, arena, end_oldest, ended, err);
}

enum db_rc session_rotate(struct session_store *store, struct arena *arena, const struct session *session,
                          const struct token *token, bool *remember, struct session_expiry *expiry, struct err *err)
{
    const struct db_call rotate =
        sql_session_rotate(&session->id, &session->account, &token->id, DB_ARRAY(token->hash));
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, rotate, &row, err);

    if (rc != DB_ROW) {
        tell_missing_partition(err);
        return rc;
    }
    *remember = db_flag(&row, 0, 0);
    *expiry = read_expiry(&row, 1);
    return DB_ROW;
}

bool session_confirm(struct session_store *store, const struct session *session, struct err *err)
{
    return db_queue(store->db,
                    session->is_key ? sql_key_confirm(&session->id, &session->account)
                                    : sql_session_confirm(&session->id, &session->account),
                    err);
}

enum db_rc session_lives(struct session_store *store, struct arena *arena, const struct token *token, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_session_lives(&token->id, DB_ARRAY(token->hash)), &row, err);
}

bool sessions_lock(struct session_store *store, struct arena *arena, const struct uuid *account, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_sessions_lock(account), &row, err);

    return rc == DB_ROW || (rc == DB_NONE && err_set(err, ERR_LOGIN, "the account is gone"));
}

enum db_rc session_end(struct session_store *store, struct arena *arena, const struct uuid *id,
                       const struct uuid *account, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_session_end(id, account), &row, err);
}

bool session_end_others(struct session_store *store, struct arena *arena, const struct uuid *account,
                        const struct uuid *keep, struct session_ids *ended, struct err *err)
{
    return ids_by(store, arena, sql_session_end_others(account, keep), ended, err);
}

enum db_rc session_recent(struct session_store *store, struct arena *arena, const struct session *session,
                          int64_t seconds, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_session_recent(&session->id, &session->account, seconds), &row, err);
}

bool session_ids_of(struct session_store *store, struct arena *arena, const struct uuid *account,
                    struct session_ids *ids, struct err *err)
{
    return ids_by(store, arena, sql_session_ids(account), ids, err);
}

bool session_list(struct session_store *store, struct arena *arena, const struct uuid *account,
                  const struct uuid *current, const char **json, struct err *err)
{
    struct db_result row;

    if (!db_query_one(store->db, arena, sql_session_list(account, current, SESSION_LIST_MAX), &row, err))
        return false;
    *json = db_value(&row, 0, 0);
    return true;
}
