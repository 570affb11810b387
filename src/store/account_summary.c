#include "store/account_summary.h"

#include "base/text_limit.h"

enum db_rc account_summary_find(struct db *db, struct arena *arena, const char *login, struct account_summary *account,
                                struct err *err)
{
    struct db_result row;
    enum db_rc rc;

    if (!text_check(TEXT_LOGIN, "name", login, err))
        return DB_FAIL;
    rc = db_query(db, arena, sql_account_find(login), &row, err);
    if (rc != DB_ROW)
        return rc;
    *account = (struct account_summary){
        .username = db_value(&row, 0, 1),
        .email = db_value(&row, 0, 2),
        .disabled = db_flag(&row, 0, 3),
        .groups = db_value(&row, 0, 4),
    };
    return db_id(&row, 0, 0, &account->id, err) ? DB_ROW : DB_FAIL;
}

bool account_summary_list(struct db *db, struct arena *arena, const struct uuid *after, int most,
                          struct db_result *rows, struct err *err)
{
    return db_query(db, arena, sql_account_list(after, most), rows, err) != DB_FAIL;
}
