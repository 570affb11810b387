#include "store/outcome.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* Each minute some of them have had their day. */
enum { QUOTA_RETRY_S = 60 };

static bool read_ids(struct arena *arena, const char *text, struct session_ids *ids, struct err *err)
{
    *ids = (struct session_ids){.count = 0};
    while (text[0] != '\0') {
        char one[UUID_TEXT_BYTES];
        struct uuid id;

        if (strlen(text) < UUID_TEXT_BYTES - 1)
            return err_set(err, ERR_BUG, "list of sessions is cut off");
        memcpy(one, text, UUID_TEXT_BYTES - 1);
        one[UUID_TEXT_BYTES - 1] = '\0';
        if (!uuid_parse(one, &id) || !session_ids_add(ids, arena, &id, err))
            return err_set(err, ERR_BUG, "not an id: %s", one);
        text += UUID_TEXT_BYTES - 1;
        text += text[0] == ',';
    }
    return true;
}

static bool read_outcome(struct arena *arena, const struct db_result *row, struct outcome *outcome, struct err *err)
{
    *outcome = (struct outcome){.same_request = db_flag(row, 0, 0)};
    if (db_is_null(row, 0, 1))
        return true;
    outcome->sealed = db_parse_bytes(arena, db_value(row, 0, 1), &outcome->sealed_length);
    if (outcome->sealed == NULL)
        return err_memory(err);
    return read_ids(arena, db_value(row, 0, 2), &outcome->forgets, err);
}

enum db_rc outcome_find(struct db *db, struct arena *arena, const struct outcome_key *key, struct outcome *outcome,
                        struct err *err)
{
    const char *const values[] = {db_bytes(arena, key->key, OUTCOME_KEY_BYTES),
                                  db_bytes(arena, key->fingerprint, OUTCOME_KEY_BYTES)};
    struct db_result row;
    enum db_rc rc;

    *outcome = (struct outcome){.same_request = true};
    if (values[0] == NULL || values[1] == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    rc = db_query(db, arena, STATEMENT_OUTCOME_FIND, values, &row, err);
    if (rc == DB_ROW && !read_outcome(arena, &row, outcome, err))
        return DB_FAIL;
    return rc;
}

bool outcome_claim(struct db *db, struct arena *arena, const struct outcome_key *key, struct outcome *outcome,
                   struct err *err)
{
    const char **values = arena_alloc(arena, sizeof *values);

    if (values == NULL || (values[0] = db_bytes(arena, key->key, OUTCOME_KEY_BYTES)) == NULL)
        return err_memory(err);
    return db_queue(db, STATEMENT_OUTCOME_LOCK, values, err) && outcome_find(db, arena, key, outcome, err) != DB_FAIL;
}

/* Not exact where several requests come at once, which a bound of what is kept need not be. */
bool outcome_check_quota(struct db *db, struct arena *arena, const struct config *config, const struct outcome_key *key,
                         struct err *err)
{
    char most[24];
    const char *values[] = {NULL, most};
    struct db_result row;

    if (!key->of_client || !key->has_account)
        return true;
    snprintf(most, sizeof most, "%lld", (long long)config->outcomes_max_count);
    if (db_query_by_id(db, arena, STATEMENT_OUTCOME_COUNT, &key->account, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "outcomes were not counted");
    if (db_number(&row, 0, 0) < config->outcomes_max_count)
        return true;
    err->retry_after_s = QUOTA_RETRY_S;
    return err_field(err, ERR_LIMIT, "Idempotency-Key",
                     "Idempotency-Key: an account may use %lld of them in %lld seconds; requests without one go on",
                     (long long)config->outcomes_max_count, (long long)config->outcome_keep_s);
}

static const char *ids_text(struct arena *arena, const struct session_ids *ids)
{
    struct buf text;
    bool ok;

    buf_init(&text, arena, ids->count * UUID_TEXT_BYTES + 2);
    ok = buf_add(&text, "{", 1);
    for (size_t i = 0; i < ids->count; i++) {
        char id[UUID_TEXT_BYTES];

        uuid_format(&ids->ids[i], id);
        ok = ok && (i == 0 || buf_add(&text, ",", 1)) && buf_add_string(&text, id);
    }
    return ok && buf_add(&text, "}", 1) ? text.bytes : NULL;
}

bool outcome_keep(struct db *db, struct arena *arena, const struct outcome_key *key, const unsigned char *sealed,
                  size_t sealed_length, const struct session_ids *forgets, struct err *err)
{
    const char **values = arena_zalloc(arena, 5 * sizeof *values);
    char *account = key->has_account ? arena_alloc(arena, UUID_TEXT_BYTES) : NULL;

    if (values == NULL || (key->has_account && account == NULL))
        return err_memory(err);
    values[0] = db_bytes(arena, key->key, OUTCOME_KEY_BYTES);
    values[1] = db_bytes(arena, key->fingerprint, OUTCOME_KEY_BYTES);
    values[2] = db_bytes(arena, sealed, sealed_length);
    values[3] = ids_text(arena, forgets);
    for (size_t i = 0; i < 4; i++)
        if (values[i] == NULL)
            return err_memory(err);
    if (account != NULL)
        uuid_format(&key->account, account);
    values[4] = account;
    return db_queue(db, key->of_client ? STATEMENT_OUTCOME_KEEP : STATEMENT_OUTCOME_REQUEST_KEEP, values, err);
}
