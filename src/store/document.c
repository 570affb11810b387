#include "store/document.h"

#include <string.h>

static const struct {
    enum statement get, lock, version, put, patch;
} statements[] = {
    [DOCUMENT_SESSION] = {STATEMENT_SESSION_DATA_GET, STATEMENT_SESSION_DATA_LOCK, STATEMENT_SESSION_DATA_VERSION,
                          STATEMENT_SESSION_DATA_PUT, STATEMENT_SESSION_DATA_PATCH},
    [DOCUMENT_PROFILE] = {STATEMENT_PROFILE_DATA_GET, STATEMENT_PROFILE_DATA_LOCK, STATEMENT_PROFILE_DATA_VERSION,
                          STATEMENT_PROFILE_DATA_PUT, STATEMENT_PROFILE_DATA_PATCH},
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
                         int64_t *version, struct err *err)
{
    char owner_text[UUID_TEXT_BYTES];
    const char *const values[] = {owner_text};
    struct db_result row;
    enum db_rc rc;

    uuid_format(owner, owner_text);
    if (!db_queue(db, statements[kind].lock, values, err))
        return DB_FAIL;
    rc = db_query(db, arena, statements[kind].version, values, &row, err);
    if (rc == DB_ROW)
        *version = db_number(&row, 0, 0);
    return rc;
}

static bool write_document(struct db *db, struct arena *arena, enum statement statement, const struct uuid *owner,
                           const char *json, struct document *document, struct err *err)
{
    char owner_text[UUID_TEXT_BYTES];
    const char *const values[] = {owner_text, json};
    struct db_result row;

    uuid_format(owner, owner_text);
    if (db_query(db, arena, statement, values, &row, err) == DB_ROW) {
        *document = (struct document){.version = db_number(&row, 0, 0), .json = db_value(&row, 0, 1)};
        return true;
    }
    if (err->kind == ERR_VALUE && strcmp(err->field, "data_size") == 0) {
        err_clear(err);
        return err_set(err, ERR_LARGE, "the document may have at most %d bytes", DOCUMENT_MAX_BYTES);
    }
    return err_set(err, ERR_BUG, "document was not written");
}

bool document_put(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                  const char *json, struct document *document, struct err *err)
{
    return write_document(db, arena, statements[kind].put, owner, json, document, err);
}

bool document_patch(struct db *db, struct arena *arena, enum document_kind kind, const struct uuid *owner,
                    const char *patch, struct document *document, struct err *err)
{
    return write_document(db, arena, statements[kind].patch, owner, patch, document, err);
}
