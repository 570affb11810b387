#include "store/file_link.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

enum {
    SECRET_BYTES = 32,
    RAW_BYTES = UUID_BYTES + SECRET_BYTES,
    NUMBER_BYTES = 24,
    /* Columns of file_link_find after those of the file. */
    COLUMN_HASH = 21,
    COLUMN_USES,
    COLUMN_GOING_ON,
};

static void hash(const struct secret *secret, size_t key, const unsigned char raw[RAW_BYTES],
                 unsigned char mac[SECRET_MAC_BYTES])
{
    secret_mac(secret, key, "file link", raw, RAW_BYTES, mac);
}

enum db_rc file_link_add(struct file_store *store, const struct secret *secret, struct arena *arena,
                         const struct uuid *file, const struct uuid *account, int64_t seconds, int64_t uses,
                         struct file_link *link, struct err *err)
{
    unsigned char raw[RAW_BYTES], mac[SECRET_MAC_BYTES];
    char id[UUID_TEXT_BYTES], file_text[UUID_TEXT_BYTES], account_text[UUID_TEXT_BYTES], time[NUMBER_BYTES],
        count[NUMBER_BYTES], most[NUMBER_BYTES];
    const char *mac_text;
    struct db_result row;
    enum db_rc rc;

    link->id = uuid_new(store->clock);
    memcpy(raw, link->id.bytes, UUID_BYTES);
    random_bytes(raw + UUID_BYTES, SECRET_BYTES);
    bytes_to_base64(raw, sizeof raw, link->token);
    hash(secret, 0, raw, mac);
    bytes_wipe(raw, sizeof raw);
    mac_text = db_bytes(arena, mac, sizeof mac);
    if (mac_text == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    uuid_format(&link->id, id);
    uuid_format(file, file_text);
    uuid_format(account, account_text);
    snprintf(time, sizeof time, "%lld", (long long)seconds);
    snprintf(count, sizeof count, "%lld", (long long)uses);
    snprintf(most, sizeof most, "%d", FILE_LINKS_MAX);
    const char *const values[] = {id, file_text, account_text, mac_text, time, uses > 0 ? count : NULL, most};

    rc = db_query(store->db, arena, STATEMENT_FILE_LINK_ADD, values, &row, err);
    if (rc == DB_ROW)
        link->expires_at = db_value(&row, 0, 0);
    return rc;
}

enum db_rc file_link_list(struct file_store *store, struct arena *arena, const struct uuid *file,
                          const struct uuid *account, const char **json, struct err *err)
{
    char file_text[UUID_TEXT_BYTES], account_text[UUID_TEXT_BYTES];
    const char *const values[] = {file_text, account_text};
    struct db_result row;
    enum db_rc rc;

    uuid_format(file, file_text);
    uuid_format(account, account_text);
    rc = db_query(store->db, arena, STATEMENT_FILE_LINK_LIST, values, &row, err);
    if (rc == DB_ROW)
        *json = db_value(&row, 0, 0);
    return rc;
}

enum db_rc file_link_revoke(struct file_store *store, struct arena *arena, const struct uuid *file,
                            const struct uuid *account, const struct uuid *link, struct err *err)
{
    char file_text[UUID_TEXT_BYTES], account_text[UUID_TEXT_BYTES], link_text[UUID_TEXT_BYTES];
    const char *const values[] = {file_text, account_text, link_text};
    struct db_result row;

    uuid_format(file, file_text);
    uuid_format(account, account_text);
    uuid_format(link, link_text);
    return db_query(store->db, arena, STATEMENT_FILE_LINK_REVOKE, values, &row, err);
}

/* Every key is tried, whichever fits. */
static bool is_right(const struct secret *secret, struct arena *arena, const unsigned char raw[RAW_BYTES],
                     const char *kept_text)
{
    size_t length;
    const unsigned char *kept = db_parse_bytes(arena, kept_text, &length);
    bool right = false;

    if (kept == NULL || length != SECRET_MAC_BYTES)
        return false;
    for (size_t i = 0; i < secret->count; i++) {
        unsigned char mac[SECRET_MAC_BYTES];

        hash(secret, i, raw, mac);
        right |= bytes_equal(mac, kept, sizeof mac);
    }
    return right;
}

enum db_rc file_link_find(struct file_store *store, const struct secret *secret, struct arena *arena, const char *token,
                          struct file_link_state *link, struct err *err)
{
    unsigned char raw[RAW_BYTES];
    char id[UUID_TEXT_BYTES], grace[NUMBER_BYTES];
    const char *const values[] = {id, grace};
    struct db_result row;
    enum db_rc rc;

    *link = (struct file_link_state){.counted = false};
    if (!bytes_from_base64(token, strlen(token), raw, sizeof raw))
        return DB_NONE;
    memcpy(link->id.bytes, raw, UUID_BYTES);
    uuid_format(&link->id, id);
    snprintf(grace, sizeof grace, "%d", FILE_LINK_GRACE_S);
    rc = db_query(store->db, arena, STATEMENT_FILE_LINK_FIND, values, &row, err);
    if (rc == DB_ROW && !is_right(secret, arena, raw, db_value(&row, 0, COLUMN_HASH)))
        rc = DB_NONE;
    bytes_wipe(raw, sizeof raw);
    if (rc != DB_ROW)
        return rc;
    link->counted = !db_is_null(&row, 0, COLUMN_USES);
    link->left = link->counted ? db_number(&row, 0, COLUMN_USES) : 0;
    link->is_going_on = db_flag(&row, 0, COLUMN_GOING_ON);
    return file_read(arena, &row, 0, &link->file, err) ? DB_ROW : DB_FAIL;
}

enum db_rc file_link_use(struct file_store *store, struct arena *arena, const struct uuid *link, struct err *err)
{
    char id[UUID_TEXT_BYTES];
    const char *const values[] = {id};
    struct db_result row;

    uuid_format(link, id);
    return db_query(store->db, arena, STATEMENT_FILE_LINK_USE, values, &row, err);
}
