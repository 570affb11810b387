#include "store/operate.h"

#include "base/text_limit.h"

enum db_rc operate_account_find(struct db *db, struct arena *arena, const char *login, struct operate_account *account,
                                struct err *err)
{
    struct db_result row;
    enum db_rc rc;

    if (!text_check(TEXT_LOGIN, "name", login, err))
        return DB_FAIL;
    rc = db_query(db, arena, sql_account_find(login), &row, err);
    if (rc != DB_ROW)
        return rc;
    *account = (struct operate_account){
        .username = db_value(&row, 0, 1),
        .email = db_value(&row, 0, 2),
        .disabled = db_flag(&row, 0, 3),
        .groups = db_value(&row, 0, 4),
    };
    return db_id(&row, 0, 0, &account->id, err) ? DB_ROW : DB_FAIL;
}

enum db_rc operate_account_lock(struct db *db, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_account_lock(id), &row, err);
}

enum db_rc operate_group_used(struct db *db, struct arena *arena, const char *group, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_group_used(group), &row, err);
}

bool operate_account_list(struct db *db, struct arena *arena, const struct uuid *after, int most,
                          struct db_result *rows, struct err *err)
{
    return db_query(db, arena, sql_account_list(after, most), rows, err) != DB_FAIL;
}

bool operate_session_list(struct db *db, struct arena *arena, const struct uuid *account, struct db_result *rows,
                          struct err *err)
{
    return db_query(db, arena, sql_session_overview(account), rows, err) != DB_FAIL;
}

enum db_rc operate_session_owner(struct db *db, struct arena *arena, const struct uuid *id, struct uuid *account,
                                 struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_session_owner(id), &row, err);

    return rc == DB_ROW && !db_id(&row, 0, 0, account, err) ? DB_FAIL : rc;
}

bool operate_file_list(struct db *db, struct arena *arena, const struct uuid *account, const struct uuid *before,
                       int most, struct db_result *rows, struct err *err)
{
    return db_query(db, arena, sql_file_overview(account, before, most), rows, err) != DB_FAIL;
}

enum db_rc operate_file_show(struct db *db, struct arena *arena, const struct uuid *id, struct db_result *rows,
                             struct err *err)
{
    return db_query(db, arena, sql_file_show(id), rows, err);
}

bool operate_expire(struct db *db, struct arena *arena, const struct config *config, int64_t *removed, struct err *err)
{
    int64_t attempt_keep_s = config->login_window_s; /* after this time a bucket counts nothing */
    struct db_result row;

    if (!db_query_one(db, arena, sql_rows_expire(config->outcome_keep_s, attempt_keep_s, EXPIRE_BATCH), &row, err))
        return false;
    *removed = db_number(&row, 0, 0);
    return true;
}

bool operate_partitions(struct db *db, struct arena *arena, int64_t *changed, struct err *err)
{
    struct db_result row;

    if (!db_query_one(db, arena, sql_partitions_keep(PARTITION_DAYS), &row, err))
        return false;
    *changed = db_number(&row, 0, 0);
    return true;
}

bool operate_schema(struct db *db, struct arena *arena, struct operate_schema *schema, struct err *err)
{
    struct db_result place;

    if (!db_query_one(db, arena, sql_schema_place(), &place, err))
        return false;
    *schema = (struct operate_schema){.database = db_value(&place, 0, 0)};
    if (!db_flag(&place, 0, 1))
        return true;
    switch (db_query(db, arena, sql_schema_list(), &schema->changes, err)) {
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

    if (!db_query_one(db, arena, sql_schema_number(), &row, err))
        return false;
    *number = db_number(&row, 0, 0);
    *readable = db_flag(&row, 0, 1);
    return true;
}

bool operate_secret(struct db *db, struct arena *arena, enum operate_secret what, struct db_result *rows,
                    struct err *err)
{
    return db_query(db, arena, what == OPERATE_SECRET_WORKERS ? sql_secret_workers() : sql_secret_links(), rows, err) !=
           DB_FAIL;
}
