#include "store/key.h"

#include "base/bytes.h"
#include "base/text_limit.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* --- Scopes */

static const struct {
    enum key_scope scope;
    const char *name;
} scopes[KEY_SCOPES] = {
    {KEY_GATE, "gate"},
    {KEY_DATA, "data"},
    {KEY_FILES, "files"},
    {KEY_PASSWORD, "password"},
};

const char *key_scope_name(enum key_scope scope)
{
    for (size_t i = 0; i < KEY_SCOPES; i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return NULL;
}

unsigned key_scope_of(const char *name, size_t length)
{
    for (size_t i = 0; i < KEY_SCOPES; i++)
        if (strlen(scopes[i].name) == length && memcmp(scopes[i].name, name, length) == 0)
            return scopes[i].scope;
    return 0;
}

void key_scopes_tell(unsigned which, char text[KEY_SCOPES_BYTES])
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < KEY_SCOPES; i++)
        if ((which & scopes[i].scope) != 0)
            length += (size_t)snprintf(text + length, KEY_SCOPES_BYTES - length, "%s%s", length > 0 ? ", " : "",
                                       scopes[i].name);
}

/* --- Changes */

bool key_check(const struct key_draft *draft, struct err *err)
{
    if (!text_check(TEXT_LABEL, "name", draft->name, err))
        return false;
    if (utf8_has_control(draft->name, strlen(draft->name)))
        return err_field(err, ERR_VALUE, "name", "name: no control characters");
    return draft->scopes != 0 ||
           err_field(err, ERR_VALUE, "scopes", "scopes: one or more of gate, data, files and password");
}

static bool find_site(const struct db_result *rows, const char *name, struct uuid *id, struct err *err)
{
    for (int row = 0; row < rows->rows; row++)
        if (strcmp(db_value(rows, row, 1), name) == 0)
            return db_id(rows, row, 0, id, err);
    return err_field(err, ERR_VALUE, "sites", "sites: there is no site '%.60s'", name);
}

bool key_find_sites(struct db *db, struct arena *arena, const char *const *names, size_t count, struct key_draft *draft,
                    struct err *err)
{
    struct uuid *ids = arena_alloc(arena, (count + 1) * sizeof *ids);
    struct db_result rows;

    if (ids == NULL)
        return err_memory(err);
    if (count > KEY_SITES_MAX)
        return err_field(err, ERR_VALUE, "sites", "sites: at most %d; leave them out, and it is good at all",
                         KEY_SITES_MAX);
    if (db_query(db, arena, sql_sites_named((struct db_texts){names, count}), &rows, err) == DB_FAIL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!find_site(&rows, names[i], &ids[i], err))
            return false;
    draft->sites = ids;
    draft->site_count = count;
    return true;
}

bool key_add(struct session_store *store, struct arena *arena, const struct uuid *account, const struct token *token,
             const struct key_draft *draft, const char **expires_at, struct err *err)
{
    const struct db_uuids sites = {draft->sites, draft->site_count};
    struct db_result row;

    switch (db_query(store->db, arena,
                     sql_key_add(&token->id, account, DB_ARRAY(token->hash), draft->name, draft->scopes,
                                 draft->all_sites, sites, draft->seconds, store->config->keys_per_account),
                     &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_CONFLICT, "an account has at most %lld keys; revoke one",
                       (long long)store->config->keys_per_account);
    case DB_ROW:
        break;
    }
    *expires_at = db_value(&row, 0, 0);
    return true;
}

enum db_rc key_revoke(struct session_store *store, struct arena *arena, const struct uuid *id,
                      const struct uuid *account, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_key_revoke(id, account), &row, err);
}

/* --- Reading */

bool key_list(struct session_store *store, struct arena *arena, const struct uuid *account, const char **json,
              struct err *err)
{
    struct db_result row;

    if (!db_query_one(store->db, arena, sql_key_list(account), &row, err))
        return false;
    *json = db_value(&row, 0, 0);
    return true;
}

bool key_overview(struct db *db, struct arena *arena, const struct uuid *account, struct db_result *rows,
                  struct err *err)
{
    return db_query(db, arena, sql_key_overview(account), rows, err) != DB_FAIL;
}

enum db_rc key_owner(struct db *db, struct arena *arena, const struct uuid *id, struct uuid *account, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_key_owner(id), &row, err);

    return rc != DB_ROW || db_id(&row, 0, 0, account, err) ? rc : DB_FAIL;
}

bool key_opens_site(const struct session *key, const struct uuid *site)
{
    for (size_t i = 0; i < key->site_count; i++)
        if (uuid_equal(&key->sites[i], site))
            return true;
    return key->all_sites;
}

/* Ids, one after the other as text. */
static bool read_sites(struct arena *arena, const char *text, struct session *key, struct err *err)
{
    enum { DIGITS = UUID_TEXT_BYTES - 1 };
    size_t count = strlen(text) / DIGITS;
    struct uuid *sites = arena_alloc(arena, (count + 1) * sizeof *sites);
    char one[UUID_TEXT_BYTES] = "";

    if (sites == NULL)
        return err_memory(err);
    for (size_t i = 0; i < count; i++) {
        memcpy(one, text + i * DIGITS, DIGITS);
        if (!uuid_parse(one, &sites[i]))
            return err_set(err, ERR_BUG, "a site of a key can't be read");
    }
    key->sites = sites;
    key->site_count = count;
    return true;
}

bool key_read(struct arena *arena, const struct db_result *rows, int row, struct session *key, struct err *err)
{
    size_t hash_length;
    unsigned char *hash = db_parse_bytes(arena, db_value(rows, row, 1), &hash_length);

    *key = (struct session){
        .read_at_ms = db_number(rows, row, 2),
        .seen_at_ms = db_number(rows, row, 3),
        .expires_at_ms = db_number(rows, row, 4),
        .profile = db_value(rows, row, 6),
        .username = db_value(rows, row, 7),
        .email = db_value(rows, row, 8),
        .groups = db_value(rows, row, 9),
        .is_key = true,
        .scopes = (unsigned)db_number(rows, row, 10),
        .all_sites = db_flag(rows, row, 11),
    };
    if (!db_id(rows, row, 0, &key->id, err) || !db_id(rows, row, 5, &key->account, err))
        return false;
    if (hash == NULL || hash_length != TOKEN_HASH_BYTES)
        return err_set(err, ERR_BUG, "the hash of a key can't be read");
    memcpy(key->hash, hash, TOKEN_HASH_BYTES);
    return read_sites(arena, db_value(rows, row, 12), key, err);
}

enum db_rc key_find(struct db *db, struct arena *arena, const struct token *token, struct session *key, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(db, arena, sql_keys_find((struct db_uuids){&token->id, 1}), &row, err);

    if (rc == DB_ROW && !key_read(arena, &row, 0, key, err))
        return DB_FAIL;
    return rc == DB_ROW && !token_hash_equal(key->hash, token->hash) ? DB_NONE : rc;
}
