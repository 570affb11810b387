#include "store/document.h"

static const struct {
    struct db_call (*get)(const struct uuid *owner);
    struct db_call (*lock)(const struct uuid *owner);
    struct db_call (*read)(const struct uuid *owner, bool wants_text);
    struct db_call (*put)(const struct uuid *owner, const char *json);
} kinds[] = {
    [DOCUMENT_SESSION] = {sql_session_data_get, sql_session_data_lock, sql_session_data_read, sql_session_data_put},
    [DOCUMENT_PROFILE] = {sql_profile_data_get, sql_profile_data_lock, sql_profile_data_read, sql_profile_data_put},
};

bool document_get(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                  struct document *document, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, kinds[kind].get(owner), &row, err);

    *document = (struct document){.version = 0, .json = "{}"};
    if (rc == DB_ROW)
        *document = (struct document){.version = db_number(&row, 0, 0), .json = db_value(&row, 0, 1)};
    return rc != DB_FAIL;
}

enum db_rc document_lock(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                         bool wants_text, struct document *document, struct err *err)
{
    struct db_result row;
    enum db_rc rc;

    *document = (struct document){.version = 0};
    if (!db_queue(db, kinds[kind].lock(owner), err))
        return DB_FAIL;
    rc = db_query(db, arena, kinds[kind].read(owner, wants_text), &row, err);
    if (rc == DB_ROW)
        *document =
            (struct document){.version = db_number(&row, 0, 0), .json = wants_text ? db_value(&row, 0, 1) : NULL};
    return rc;
}

bool document_put(struct db *db, enum document_kind kind, const struct uuid *owner, const char *json, struct err *err)
{
    return db_queue(db, kinds[kind].put(owner, json), err);
}
