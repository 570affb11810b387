#include "store/retention.h"

bool retention_expire(struct db *db, struct arena *arena, const struct config *config, int64_t *removed,
                      struct err *err)
{
    int64_t attempt_keep_s = config->login_window_s; /* after this time a bucket counts nothing */
    struct db_result row;

    if (!db_query_one(db, arena, sql_rows_expire(config->outcome_keep_s, attempt_keep_s, EXPIRE_BATCH), &row, err))
        return false;
    *removed = db_number(&row, 0, 0);
    return true;
}

bool retention_partitions(struct db *db, struct arena *arena, int64_t *changed, struct err *err)
{
    struct db_result row;

    if (!db_query_one(db, arena, sql_partitions_keep(PARTITION_DAYS), &row, err))
        return false;
    *changed = db_number(&row, 0, 0);
    return true;
}
