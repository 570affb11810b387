#include "store/outcome.h"

/* Some outcomes expire each minute. */
enum { QUOTA_RETRY_S = 60 };

static bool read_outcome(struct arena *arena, const struct db_result *row, struct outcome *outcome, struct err *err)
{
    *outcome = (struct outcome){.same_request = db_flag(row, 0, 0)};
    if (db_is_null(row, 0, 1))
        return true;
    outcome->sealed = db_parse_bytes(arena, db_value(row, 0, 1), &outcome->sealed_length);
    if (outcome->sealed == NULL)
        return err_memory(err);
    return session_ids_parse(&outcome->forgets, arena, db_value(row, 0, 2), err);
}

enum db_rc outcome_find(struct db *db, struct arena *arena, const struct outcome_key *key, struct outcome *outcome,
                        struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_outcome_find(DB_ARRAY(key->key), DB_ARRAY(key->fingerprint)), &row, err);

    *outcome = (struct outcome){.same_request = true};
    if (rc == DB_ROW && !read_outcome(arena, &row, outcome, err))
        return DB_FAIL;
    return rc;
}

bool outcome_claim(struct db *db, struct arena *arena, const struct outcome_key *key, struct outcome *outcome,
                   struct err *err)
{
    return db_queue(db, sql_outcome_lock(DB_ARRAY(key->key)), err) &&
           outcome_find(db, arena, key, outcome, err) != DB_FAIL;
}

/* Not exact when several requests come at once; the limit need not be exact. */
bool outcome_check_quota(struct db *db, struct arena *arena, const struct config *config, const struct outcome_key *key,
                         struct err *err)
{
    struct db_result row;

    if (!key->of_client || !key->has_account)
        return true;
    if (!db_query_one(db, arena, sql_outcome_count(&key->account, config->outcomes_max_count), &row, err))
        return false;
    if (db_number(&row, 0, 0) < config->outcomes_max_count)
        return true;
    err_field(err, ERR_LIMIT, "Idempotency-Key",
              "Idempotency-Key: an account may use %lld of them in %lld seconds; requests without one go on",
              (long long)config->outcomes_max_count, (long long)config->outcome_keep_s);
    err->retry_after_s = QUOTA_RETRY_S; /* err_field sets it to 0 */
    return false;
}

bool outcome_keep(struct db *db, const struct outcome_key *key, const unsigned char *sealed, size_t sealed_length,
                  const struct session_ids *forgets, struct err *err)
{
    const struct db_bytes name = DB_ARRAY(key->key), fingerprint = DB_ARRAY(key->fingerprint);
    const struct db_bytes answer = DB_BYTES(sealed, sealed_length);
    const struct db_uuids ids = {forgets->ids, forgets->count};
    const struct uuid *account = key->has_account ? &key->account : NULL;

    return db_queue(db,
                    key->of_client ? sql_outcome_keep(name, fingerprint, answer, ids, account)
                                   : sql_outcome_request_keep(name, fingerprint, answer, ids),
                    err);
}
