#include "store/app_document.h"

#include <string.h>

/* The sweep makes room every minute. */
enum { LIMIT_RETRY_S = 60 };

/* The word before the id distinguishes sessions from accounts, whatever id a browser sends. */
static void hash_name(const char *kind, const char *id, struct app_key *key)
{
    struct sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, kind, strlen(kind) + 1);
    sha256_add(&hash, id, strlen(id));
    sha256_end(&hash, key->hash);
}

bool app_key_of_session(const struct uuid *site, const char *id, struct app_key *key)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,-_";
    size_t length = strlen(id);

    if (length < APP_ID_LEAST || length > APP_ID_MOST || strspn(id, characters) < length)
        return false;
    key->site = *site;
    hash_name("session", id, key);
    return true;
}

void app_key_of_account(const struct uuid *site, const struct uuid *account, struct app_key *key)
{
    char id[UUID_TEXT_BYTES];

    uuid_format(account, id);
    key->site = *site;
    hash_name("account", id, key);
}

static bool read_state(const struct db_result *row, struct app_document *document, struct err *err)
{
    *document = (struct app_document){
        .lives = db_flag(row, 0, APP_DOCUMENT_STATE_LIVES),
        .has_account = !db_is_null(row, 0, APP_DOCUMENT_STATE_ACCOUNT_ID),
        .version = db_number(row, 0, APP_DOCUMENT_STATE_VERSION),
        .idle_s = db_number(row, 0, APP_DOCUMENT_STATE_IDLE_S),
        .fresh = db_flag(row, 0, APP_DOCUMENT_STATE_FRESH),
        .json = db_value(row, 0, APP_DOCUMENT_STATE_COUNT),
    };
    return !document->has_account || db_id(row, 0, APP_DOCUMENT_STATE_ACCOUNT_ID, &document->account, err);
}

static enum db_rc find(struct db *db, struct arena *arena, struct db_call call, struct app_document *document,
                       struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, call, &row, err);

    *document = (struct app_document){.lives = false};
    if (rc == DB_ROW && !read_state(&row, document, err))
        return DB_FAIL;
    return rc;
}

enum db_rc app_document_get(struct db *db, struct arena *arena, const struct app_key *key,
                            struct app_document *document, struct err *err)
{
    return find(db, arena, sql_app_document_get(&key->site, DB_ARRAY(key->hash)), document, err);
}

enum db_rc app_document_lock(struct db *db, struct arena *arena, const struct app_key *key, bool wants_text,
                             struct app_document *document, struct err *err)
{
    return find(db, arena, sql_app_document_lock(&key->site, DB_ARRAY(key->hash), wants_text), document, err);
}

bool app_document_renew(struct db *db, struct arena *arena, const struct app_key *key, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_app_document_renew(&key->site, DB_ARRAY(key->hash)), &row, err) != DB_FAIL;
}

enum db_rc app_document_make(struct db *db, struct arena *arena, const struct app_key *key, const struct uuid *account,
                             int64_t idle_s, const char *json, int64_t *version, struct err *err)
{
    const struct db_call make =
        sql_app_document_make(&key->site, DB_ARRAY(key->hash), account, idle_s > 0 ? &idle_s : NULL, json);
    struct db_result row;
    enum db_rc rc = db_query(db, arena, make, &row, err);

    if (rc == DB_ROW)
        *version = db_number(&row, 0, 0);
    return rc;
}

bool app_document_put(struct db *db, struct arena *arena, const struct app_key *key, const char *json, int64_t *version,
                      struct err *err)
{
    struct db_result row;

    if (!db_query_one(db, arena, sql_app_document_put(&key->site, DB_ARRAY(key->hash), json), &row, err))
        return false;
    *version = db_number(&row, 0, 0);
    return true;
}

bool app_document_keep(struct db *db, const struct app_key *key, int64_t idle_s, struct err *err)
{
    return db_queue(db, sql_app_document_keep(&key->site, DB_ARRAY(key->hash), idle_s), err);
}

bool app_document_bind(struct db *db, const struct app_key *key, const struct uuid *account, struct err *err)
{
    return db_queue(db, sql_app_document_bind(&key->site, DB_ARRAY(key->hash), account), err);
}

bool app_document_remove(struct db *db, const struct app_key *key, struct err *err)
{
    return db_queue(db, sql_app_document_remove(&key->site, DB_ARRAY(key->hash)), err);
}

bool app_documents_trim(struct db *db, const struct app_key *key, const struct uuid *account, int64_t most,
                        struct err *err)
{
    return db_queue(db, sql_app_documents_trim(&key->site, account, most, DB_ARRAY(key->hash)), err);
}

enum db_rc app_account_lives(struct db *db, struct arena *arena, const struct uuid *account, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_app_account_lives(account), &row, err);
}

bool app_documents_check(struct db *db, struct arena *arena, const struct config *config, const struct uuid *site,
                         bool has_account, struct err *err)
{
    int64_t most = has_account ? config->app_documents_max : config->app_guests_max;
    struct db_result row;

    if (!db_query_one(db, arena, sql_app_documents_count(site), &row, err))
        return false;
    if (db_number(&row, 0, has_account ? 1 : 0) < most)
        return true;
    err_set(err, ERR_LIMIT, "the site has %lld %s, which is its limit; existing ones can still be used",
            (long long)most, has_account ? "documents of accounts" : "sessions of guests");
    err->retry_after_s = LIMIT_RETRY_S;
    return false;
}

bool app_documents_sweep(struct db *db, struct arena *arena, int most, int *removed, struct err *err)
{
    struct db_result rows;

    if (db_query(db, arena, sql_app_documents_sweep(most), &rows, err) == DB_FAIL)
        return false;
    *removed = rows.rows;
    return true;
}
