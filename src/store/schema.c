#include "store/schema.h"

#include <inttypes.h>

bool schema_read(struct db *db, struct arena *arena, struct schema *schema, struct err *err)
{
    struct db_result place;

    if (!db_query_one(db, arena, sql_schema_place(), &place, err))
        return false;
    *schema = (struct schema){.database = db_value(&place, 0, 0)};
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

bool schema_reaches(const struct schema *schema, struct err *err)
{
    if (schema->number >= SCHEMA_NUMBER)
        return true;
    return err_set(err, ERR_STALE,
                   "the schema of %s is at %" PRId64 ", this build needs %d; run as PostgreSQL's "
                   "superuser: psql -d %s -f " SCHEMA_DIR "/apply.sql",
                   schema->database, schema->number, SCHEMA_NUMBER, schema->database);
}

bool schema_number(struct db *db, struct arena *arena, int64_t *number, bool *readable, struct err *err)
{
    struct db_result row;

    if (!db_query_one(db, arena, sql_schema_number(), &row, err))
        return false;
    *number = db_number(&row, 0, 0);
    *readable = db_flag(&row, 0, 1);
    return true;
}
