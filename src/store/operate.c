#include "store/operate.h"

#include "base/text_limit.h"

#include <stdio.h>

enum { NUMBER_BYTES = 24 };

static void format_number(int64_t number, char text[NUMBER_BYTES])
{
    snprintf(text, NUMBER_BYTES, "%lld", (long long)number);
}

/* A statement that always answers with one row. */
static bool query_one(struct db *db, struct arena *arena, enum statement statement, const char *const *values,
                      struct db_result *row, struct err *err)
{
    return db_query(db, arena, statement, values, row, err) == DB_ROW ||
           err_set(err, ERR_BUG, "%s: no row", statement_texts[statement].name);
}

/* DB_FAIL when what the database sent is no id. */
static enum db_rc read_id(const struct db_result *row, struct uuid *id, struct err *err)
{
    if (uuid_parse(db_value(row, 0, 0), id))
        return DB_ROW;
    err_set(err, ERR_BUG, "not an id: %s", db_value(row, 0, 0));
    return DB_FAIL;
}

enum db_rc operate_account_find(struct db *db, struct arena *arena, const char *login, struct operate_account *account,
                                struct err *err)
{
    const char *const values[] = {login};
    struct db_result row;
    enum db_rc rc;

    if (!text_check(TEXT_LOGIN, "name", login, err))
        return DB_FAIL;
    rc = db_query(db, arena, STATEMENT_ACCOUNT_FIND, values, &row, err);
    if (rc != DB_ROW)
        return rc;
    *account = (struct operate_account){
        .username = db_value(&row, 0, 1),
        .email = db_value(&row, 0, 2),
        .disabled = db_flag(&row, 0, 3),
        .groups = db_value(&row, 0, 4),
    };
    return read_id(&row, &account->id, err);
}

enum db_rc operate_account_lock(struct db *db, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query_by_id(db, arena, STATEMENT_ACCOUNT_LOCK, id, NULL, &row, err);
}

bool operate_account_list(struct db *db, struct arena *arena, const struct uuid *after, int most,
                          struct db_result *rows, struct err *err)
{
    char most_text[NUMBER_BYTES];
    const char *values[] = {NULL, most_text};

    format_number(most, most_text);
    return db_query_by_id(db, arena, STATEMENT_ACCOUNT_LIST, after, values, rows, err) != DB_FAIL;
}

bool operate_session_list(struct db *db, struct arena *arena, const struct uuid *account, struct db_result *rows,
                          struct err *err)
{
    return db_query_by_id(db, arena, STATEMENT_SESSION_OVERVIEW, account, NULL, rows, err) != DB_FAIL;
}

enum db_rc operate_session_owner(struct db *db, struct arena *arena, const struct uuid *id, struct uuid *account,
                                 struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query_by_id(db, arena, STATEMENT_SESSION_OWNER, id, NULL, &row, err);

    return rc == DB_ROW ? read_id(&row, account, err) : rc;
}

bool operate_sweep(struct db *db, struct arena *arena, const struct config *config, int64_t *removed, struct err *err)
{
    char outcomes[NUMBER_BYTES], attempts[NUMBER_BYTES], most[NUMBER_BYTES];
    const char *const values[] = {outcomes, attempts, most};
    struct db_result row;

    format_number(config->outcome_keep_s, outcomes);
    /* A bucket that was not touched for a whole window has drained. */
    format_number(config->login_window_s, attempts);
    format_number(SWEEP_BATCH, most);
    if (!query_one(db, arena, STATEMENT_SWEEP, values, &row, err))
        return false;
    *removed = db_number(&row, 0, 0);
    return true;
}

bool operate_partitions(struct db *db, struct arena *arena, int64_t *changed, struct err *err)
{
    char days[NUMBER_BYTES];
    const char *const values[] = {days};
    struct db_result row;

    format_number(PARTITION_DAYS, days);
    if (!query_one(db, arena, STATEMENT_PARTITIONS_KEEP, values, &row, err))
        return false;
    *changed = db_number(&row, 0, 0);
    return true;
}

bool operate_schema(struct db *db, struct arena *arena, struct operate_schema *schema, struct err *err)
{
    struct db_result place;

    if (!query_one(db, arena, STATEMENT_SCHEMA_PLACE, NULL, &place, err))
        return false;
    *schema = (struct operate_schema){.database = db_value(&place, 0, 0)};
    if (!db_flag(&place, 0, 1))
        return true;
    switch (db_query(db, arena, STATEMENT_SCHEMA_LIST, NULL, &schema->changes, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return true;
    case DB_ROW:
        break;
    }
    schema->number = db_number(&schema->changes, schema->changes.rows - 1, SCHEMA_CHANGE_NUMBER);
    return true;
}

bool operate_schema_number(struct db *db, struct arena *arena, int64_t *number, bool *readable, struct err *err)
{
    struct db_result row;

    if (!query_one(db, arena, STATEMENT_SCHEMA_NUMBER, NULL, &row, err))
        return false;
    *number = db_number(&row, 0, 0);
    *readable = db_flag(&row, 0, 1);
    return true;
}

bool operate_secret(struct db *db, struct arena *arena, enum operate_secret what, struct db_result *rows,
                    struct err *err)
{
    return db_query(db, arena, what == OPERATE_SECRET_WORKERS ? STATEMENT_SECRET_WORKERS : STATEMENT_SECRET_LINKS, NULL,
                    rows, err) != DB_FAIL;
}
