#include "store/session_summary.h"

bool session_summary_list(struct db *db, struct arena *arena, const struct uuid *account, struct db_result *rows,
                          struct err *err)
{
    return db_query(db, arena, sql_session_overview(account), rows, err) != DB_FAIL;
}

enum db_rc session_summary_owner(struct db *db, struct arena *arena, const struct uuid *id, struct uuid *account,
                                 struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_session_owner(id), &row, err);

    return rc == DB_ROW && !db_id(&row, 0, 0, account, err) ? DB_FAIL : rc;
}
