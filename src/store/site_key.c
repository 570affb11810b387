#include "store/site_key.h"

enum db_rc site_key_find(struct db *db, struct arena *arena, const struct token *token, struct uuid *site,
                         struct err *err)
{
    const unsigned char *hash;
    struct db_result row, ignored;
    size_t length;
    enum db_rc rc = db_query(db, arena, sql_site_key_find(&token->id), &row, err);

    if (rc != DB_ROW)
        return rc;
    hash = db_parse_bytes(arena, db_value(&row, 0, 1), &length);
    if (hash == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    if (length != TOKEN_HASH_BYTES || !token_hash_equal(hash, token->hash))
        return DB_NONE;
    if (!db_id(&row, 0, 0, site, err) ||
        (db_flag(&row, 0, 2) && db_query(db, arena, sql_site_key_touch(&token->id), &ignored, err) == DB_FAIL))
        return DB_FAIL;
    return DB_ROW;
}

bool site_key_confirm(struct db *db, const struct uuid *id, struct err *err)
{
    return db_queue(db, sql_site_key_confirm(id), err);
}

bool site_key_add(struct db *db, struct arena *arena, const struct token *token, const struct uuid *site,
                  const char *label, const char *by, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(
        db, arena, sql_site_key_add(&token->id, site, DB_ARRAY(token->hash), label, by, SITE_KEYS_MAX), &row, err);

    return rc == DB_ROW ||
           (rc == DB_NONE && err_set(err, ERR_LIMIT, "the site has %d keys; revoke one", SITE_KEYS_MAX));
}

enum db_rc site_key_remove(struct db *db, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_site_key_remove(id), &row, err);
}

bool site_key_list(struct db *db, struct arena *arena, const struct uuid *site, struct db_result *rows, struct err *err)
{
    return db_query(db, arena, sql_site_key_list(site, SITE_KEYS_MAX), rows, err) != DB_FAIL;
}
