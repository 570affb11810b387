#include "store/document.h"

static const struct {
    enum statement get, lock, read, put;
} statements[] = {
    [DOCUMENT_SESSION] = {STATEMENT_SESSION_DATA_GET, STATEMENT_SESSION_DATA_LOCK, STATEMENT_SESSION_DATA_READ,
                          STATEMENT_SESSION_DATA_PUT},
    [DOCUMENT_PROFILE] = {STATEMENT_PROFILE_DATA_GET, STATEMENT_PROFILE_DATA_LOCK, STATEMENT_PROFILE_DATA_READ,
                          STATEMENT_PROFILE_DATA_PUT},
};

bool document_get(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                  struct document *document, struct err *err)
{
    char owner_text[UUID_TEXT_BYTES];
    const char *const values[] = {owner_text};
    struct db_result row;
    enum db_rc rc;

    uuid_format(owner, owner_text);
    rc = db_query(db, arena, statements[kind].get, values, &row, err);
    *document = (struct document){.version = 0, .json = "{}"};
    if (rc == DB_ROW)
        *document = (struct document){.version = db_number(&row, 0, 0), .json = db_value(&row, 0, 1)};
    return rc != DB_FAIL;
}

enum db_rc document_lock(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                         bool wants_text, struct document *document, struct err *err)
{
    char owner_text[UUID_TEXT_BYTES];
    const char *const values[] = {owner_text, wants_text ? "true" : "false"};
    struct db_result row;
    enum db_rc rc;

    *document = (struct document){.version = 0};
    uuid_format(owner, owner_text);
    if (!db_queue(db, statements[kind].lock, values, err))
        return DB_FAIL;
    rc = db_query(db, arena, statements[kind].read, values, &row, err);
    if (rc == DB_ROW)
        *document =
            (struct document){.version = db_number(&row, 0, 0), .json = wants_text ? db_value(&row, 0, 1) : NULL};
    return rc;
}

bool document_put(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                  const char *json, struct err *err)
{
    const char **values = arena_alloc(arena, 2 * sizeof *values);
    char *owner_text = arena_alloc(arena, UUID_TEXT_BYTES);

    if (values == NULL || owner_text == NULL)
        return err_memory(err);
    uuid_format(owner, owner_text);
    values[0] = owner_text;
    values[1] = json;
    return db_queue(db, statements[kind].put, values, err);
}
