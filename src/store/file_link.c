#include "store/file_link.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/sha256.h"

#include <string.h>

enum {
    SECRET_BYTES = 32,
    RAW_BYTES = UUID_BYTES + SECRET_BYTES,
    /* Columns of file_link_find after those of the file. */
    COLUMN_TOKEN_HASH = FILE_ROW_COUNT,
    COLUMN_KEYED_HASH,
    COLUMN_USES,
    COLUMN_HELD,
};

/* The hash that the release before uses. */
static void keyed_hash(const struct secret *secret, size_t key, const unsigned char raw[RAW_BYTES],
                       unsigned char mac[SECRET_MAC_BYTES])
{
    secret_mac(secret, key, "file link", raw, RAW_BYTES, mac);
}

enum db_rc file_link_add(struct file_store *store, const struct secret *secret, struct arena *arena,
                         const struct uuid *file, const struct uuid *account, int64_t seconds, int64_t uses,
                         struct file_link *link, struct err *err)
{
    unsigned char raw[RAW_BYTES], hash[SHA256_BYTES], mac[SECRET_MAC_BYTES];
    struct db_result row;
    enum db_rc rc;

    link->id = uuid_new(store->clock);
    memcpy(raw, link->id.bytes, UUID_BYTES);
    random_bytes(raw + UUID_BYTES, SECRET_BYTES);
    bytes_to_base64(raw, sizeof raw, link->token);
    sha256_of(raw, sizeof raw, hash);
    keyed_hash(secret, 0, raw, mac);
    bytes_wipe(raw, sizeof raw);
    rc = db_query(store->db, arena,
                  sql_file_link_add(&link->id, file, account, DB_ARRAY(hash), seconds, uses > 0 ? &uses : NULL,
                                    FILE_LINKS_MAX, DB_ARRAY(mac)),
                  &row, err);
    if (rc == DB_ROW && db_is_null(&row, 0, 0))
        return DB_NONE;
    if (rc == DB_ROW)
        link->expires_at = db_value(&row, 0, 0);
    return rc;
}

enum db_rc file_link_list(struct file_store *store, struct arena *arena, const struct uuid *file,
                          const struct uuid *account, const char **json, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_file_link_list(file, account), &row, err);

    if (rc == DB_ROW)
        *json = db_value(&row, 0, 0);
    return rc;
}

enum db_rc file_link_revoke(struct file_store *store, struct arena *arena, const struct uuid *file,
                            const struct uuid *account, const struct uuid *link, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_file_link_revoke(file, account, link), &row, err);
}

static bool same_bytes(struct arena *arena, const char *kept_text, const unsigned char *bytes, size_t size)
{
    size_t length;
    const unsigned char *kept = db_parse_bytes(arena, kept_text, &length);

    return kept != NULL && length == size && bytes_equal(kept, bytes, size);
}

/* Compares the token with the stored hash. A hash of the release before is tried with each key of the secret. */
static bool is_right(const struct secret *secret, struct arena *arena, const unsigned char raw[RAW_BYTES],
                     const struct db_result *row)
{
    unsigned char hash[SHA256_BYTES], mac[SECRET_MAC_BYTES];
    bool right = false;

    sha256_of(raw, RAW_BYTES, hash);
    if (!db_is_null(row, 0, COLUMN_TOKEN_HASH))
        return same_bytes(arena, db_value(row, 0, COLUMN_TOKEN_HASH), hash, sizeof hash);
    for (size_t i = 0; i < secret->count; i++) {
        keyed_hash(secret, i, raw, mac);
        right |= same_bytes(arena, db_value(row, 0, COLUMN_KEYED_HASH), mac, sizeof mac);
    }
    return right;
}

void file_link_ticket(char ticket[FILE_LINK_TICKET_BYTES])
{
    unsigned char raw[SECRET_BYTES];

    random_bytes(raw, sizeof raw);
    bytes_to_base64(raw, sizeof raw, ticket);
    bytes_wipe(raw, sizeof raw);
}

/* Hashes a holder together with its kind, so that a ticket can't equal an address. */
static void hash_holder(char kind, const void *bytes, size_t length, struct file_link_holder *holder)
{
    struct sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, &kind, 1);
    sha256_add(&hash, bytes, length);
    sha256_end(&hash, holder->hash);
}

void file_link_held_by_ticket(const char *ticket, struct file_link_holder *holder)
{
    hash_holder('t', ticket, strlen(ticket), holder);
}

void file_link_held_by_address(const char *address, struct file_link_holder *holder)
{
    struct address_key key = address_key_of(address);

    hash_holder('a', key.bytes, sizeof key.bytes, holder);
}

enum db_rc file_link_find(struct file_store *store, const struct secret *secret, struct arena *arena, const char *token,
                          const struct file_link_holder *holder, struct file_link_state *link, struct err *err)
{
    unsigned char raw[RAW_BYTES];
    struct db_result row;
    enum db_rc rc;

    *link = (struct file_link_state){.counted = false};
    if (!bytes_from_base64(token, strlen(token), raw, sizeof raw))
        return DB_NONE;
    memcpy(link->id.bytes, raw, UUID_BYTES);
    rc = db_query(store->db, arena, sql_file_link_find(&link->id, DB_ARRAY(holder->hash)), &row, err);
    if (rc == DB_ROW && !is_right(secret, arena, raw, &row))
        rc = DB_NONE;
    bytes_wipe(raw, sizeof raw);
    if (rc != DB_ROW)
        return rc;
    link->counted = !db_is_null(&row, 0, COLUMN_USES);
    link->left = link->counted ? db_number(&row, 0, COLUMN_USES) : 0;
    link->is_held = db_flag(&row, 0, COLUMN_HELD);
    return file_read(arena, &row, 0, &link->file, err) ? DB_ROW : DB_FAIL;
}

enum db_rc file_link_use(struct file_store *store, struct arena *arena, const struct file_link_state *link,
                         const struct file_link_holder *holder, int64_t bytes, struct err *err)
{
    int64_t slow_s = link->file.size / FILE_LINK_SLOW_BYTES_S;
    int64_t seconds = slow_s > FILE_LINK_GRACE_S ? slow_s : FILE_LINK_GRACE_S;
    int64_t left = FILE_LINK_TIMES * link->file.size - bytes;
    struct db_result row;
    enum db_rc rc =
        db_query(store->db, arena, sql_file_link_use(&link->id, DB_ARRAY(holder->hash), left, seconds), &row, err);

    return rc == DB_ROW && db_is_null(&row, 0, 0) ? DB_NONE : rc;
}

enum db_rc file_link_go_on(struct file_store *store, struct arena *arena, const struct file_link_state *link,
                           const struct file_link_holder *holder, int64_t bytes, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_file_link_go_on(&link->id, DB_ARRAY(holder->hash), bytes), &row, err);
}
