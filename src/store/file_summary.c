#include "store/file_summary.h"

bool file_summary_list(struct db *db, struct arena *arena, const struct uuid *account, const struct uuid *before,
                       int most, struct db_result *rows, struct err *err)
{
    return db_query(db, arena, sql_file_overview(account, before, most), rows, err) != DB_FAIL;
}

enum db_rc file_summary_show(struct db *db, struct arena *arena, const struct uuid *id, struct db_result *rows,
                             struct err *err)
{
    return db_query(db, arena, sql_file_show(id), rows, err);
}
