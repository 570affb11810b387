#include "store/file_thumbnail.h"

#include <stdio.h>

enum {
    NUMBER_BYTES = 24,
    COLUMN_CLAIMED = FILE_ROW_COUNT, /* of file_thumbnail_find, after those of the file */
};

enum db_rc file_thumbnail_find(struct file_store *store, struct arena *arena, const struct file *original, int box,
                               struct file_thumbnail *thumbnail, struct err *err)
{
    char parent[UUID_TEXT_BYTES], size[NUMBER_BYTES];
    const char *const values[] = {parent, size};
    struct db_result row;
    enum db_rc rc;

    uuid_format(&original->id, parent);
    snprintf(size, sizeof size, "%d", box);
    rc = db_query(store->db, arena, STATEMENT_FILE_THUMBNAIL_FIND, values, &row, err);
    if (rc != DB_ROW)
        return rc;
    thumbnail->is_claimed = db_flag(&row, 0, COLUMN_CLAIMED);
    if (!file_read(arena, &row, 0, &thumbnail->file, err))
        return DB_FAIL;
    thumbnail->refused = thumbnail->file.claimed_type;
    thumbnail->refused_detail = thumbnail->file.metadata;
    return DB_ROW;
}

struct claim {
    struct file_store *store;
    struct arena *arena;
    const char *const *account;
    const char *const *overdue; /* parent, box */
    const char *const *values;
    enum db_rc rc;
};

/* DB_NONE: another request of the account is just claiming. */
static enum db_rc take_turn(struct db *db, const struct claim *claim, struct err *err)
{
    const int64_t most_ms = claim->store->config->thumbnail_account_cpu_s * 1000;
    struct db_result row;
    enum db_rc rc;

    if (!db_queue(db, STATEMENT_FILE_THUMBNAIL_BUDGET, claim->account, err))
        return DB_FAIL;
    rc = db_query(db, claim->arena, STATEMENT_FILE_THUMBNAIL_TURN, claim->account, &row, err);
    if (rc != DB_ROW || db_number(&row, 0, 0) < most_ms)
        return rc;
    err_set(err, ERR_LIMIT, "the thumbnails of this account have taken too much work; ask again later");
    err->retry_after_s = (db_number(&row, 0, 0) - most_ms) / FILE_THUMBNAIL_DRAIN_MS_PER_S + 1;
    return DB_FAIL;
}

/* One that is overdue is left to the sweeper: what its maker may have written must not mix with ours. */
static bool claim(struct db *db, void *arg, struct err *err)
{
    struct claim *claim = arg;
    struct db_result row;

    claim->rc = take_turn(db, claim, err);
    if (claim->rc != DB_ROW)
        return claim->rc == DB_NONE;
    if (!db_queue(db, STATEMENT_FILE_THUMBNAIL_RETIRE, claim->overdue, err))
        return false;
    claim->rc = db_query(db, claim->arena, STATEMENT_FILE_THUMBNAIL_CLAIM, claim->values, &row, err);
    return claim->rc != DB_FAIL;
}

enum db_rc file_thumbnail_claim(struct file_store *store, struct arena *arena, const struct file *original, int box,
                                int64_t ms, const struct uuid *lease, struct uuid *id, struct err *err)
{
    const struct object_ops *back_end = object_ops_of_config(store->config);
    char id_text[UUID_TEXT_BYTES], account[UUID_TEXT_BYTES], parent[UUID_TEXT_BYTES], size[NUMBER_BYTES],
        block[NUMBER_BYTES], lease_text[UUID_TEXT_BYTES], time[NUMBER_BYTES], keep[NUMBER_BYTES], share[NUMBER_BYTES];
    const char *const overdue[] = {parent, size};
    const char *const values[] = {id_text, account, parent, size, back_end->name, block, lease_text, time, keep, share};
    const char *const owner[] = {account};
    struct claim work = {
        .store = store, .account = owner, .arena = arena, .overdue = overdue, .values = values, .rc = DB_FAIL};

    *id = uuid_new(store->clock);
    uuid_format(id, id_text);
    uuid_format(&original->account, account);
    uuid_format(&original->id, parent);
    uuid_format(lease, lease_text);
    snprintf(size, sizeof size, "%d", box);
    snprintf(block, sizeof block, "%lld", (long long)back_end->block_bytes(&store->objects, -1));
    snprintf(time, sizeof time, "%lld", (long long)ms);
    snprintf(keep, sizeof keep, "%lld", (long long)store->config->upload_keep_s);
    snprintf(share, sizeof share, "%lld", (long long)store->config->thumbnail_account_at_once);
    return db_transaction(store->db, claim, &work, err) ? work.rc : DB_FAIL;
}

void file_thumbnail_spend(struct file_store *store, struct arena *arena, const struct file *original, int64_t cpu_ms)
{
    char account[UUID_TEXT_BYTES], ms[NUMBER_BYTES];
    const char *const values[] = {account, ms};
    struct err ignored = {.kind = ERR_NONE};
    struct db_result row;

    uuid_format(&original->account, account);
    snprintf(ms, sizeof ms, "%lld", (long long)cpu_ms);
    (void)!db_query(store->db, arena, STATEMENT_FILE_THUMBNAIL_SPEND, values, &row, &ignored);
}

enum db_rc file_thumbnail_open(struct file_store *store, struct arena *arena, const struct uuid *id,
                               const struct file *original, const struct uuid *lease, struct upload **upload,
                               struct err *err)
{
    return upload_open_by(store, arena, id, &original->account, lease, upload, err);
}

bool file_thumbnail_refuse(struct file_store *store, struct arena *arena, const struct uuid *id,
                           const struct uuid *lease, const struct err *reason, struct err *err)
{
    char id_text[UUID_TEXT_BYTES], lease_text[UUID_TEXT_BYTES], seconds[NUMBER_BYTES];
    const char *const values[] = {id_text, lease_text, err_word(reason->kind), reason->detail, seconds};
    struct db_result row;

    uuid_format(id, id_text);
    uuid_format(lease, lease_text);
    snprintf(seconds, sizeof seconds, "%d", FILE_THUMBNAIL_REFUSED_S);
    return db_query(store->db, arena, STATEMENT_FILE_THUMBNAIL_REFUSE, values, &row, err) != DB_FAIL;
}

bool file_thumbnail_drop(struct file_store *store, struct arena *arena, const struct uuid *id, struct err *err)
{
    char id_text[UUID_TEXT_BYTES];
    const char *const values[] = {id_text};
    struct db_result row;

    uuid_format(id, id_text);
    return db_query(store->db, arena, STATEMENT_FILE_THUMBNAIL_DROP, values, &row, err) != DB_FAIL;
}

void file_thumbnail_release(struct file_store *store, struct arena *arena, const struct uuid *id,
                            const struct uuid *lease)
{
    char id_text[UUID_TEXT_BYTES], lease_text[UUID_TEXT_BYTES];
    const char *const values[] = {id_text, lease_text};
    struct err ignored = {.kind = ERR_NONE};
    struct db_result row;

    uuid_format(id, id_text);
    uuid_format(lease, lease_text);
    (void)!db_query(store->db, arena, STATEMENT_FILE_RELEASE, values, &row, &ignored);
}
