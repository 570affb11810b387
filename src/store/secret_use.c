#include "store/secret_use.h"

bool secret_use_read(struct db *db, struct arena *arena, enum secret_use what, struct db_result *rows, struct err *err)
{
    return db_query(db, arena, what == SECRET_USE_WORKERS ? sql_secret_workers() : sql_secret_links(), rows, err) !=
           DB_FAIL;
}
