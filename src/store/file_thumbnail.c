#include "store/file_thumbnail.h"

enum {
    COLUMN_CLAIMED = FILE_ROW_COUNT, /* columns of file_thumbnail_find behind those of the file */
};

enum db_rc file_thumbnail_find(struct file_store *store, struct arena *arena, const struct file *original, int box,
                               struct file_thumbnail *thumbnail, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_file_thumbnail_find(&original->id, box), &row, err);

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
    const struct file *original;
    int box;
    struct db_call call;
    enum db_rc rc;
};

/* DB_NONE: another request of the account is making a claim now. */
static enum db_rc take_turn(struct db *db, const struct claim *claim, struct err *err)
{
    const int64_t most_ms = claim->store->config->thumbnail_account_cpu_s * 1000;
    struct db_result row;
    enum db_rc rc;

    if (!db_queue(db, sql_file_thumbnail_budget(&claim->original->account), err))
        return DB_FAIL;
    rc = db_query(db, claim->arena, sql_file_thumbnail_turn(&claim->original->account), &row, err);
    if (rc != DB_ROW || db_number(&row, 0, 0) < most_ms)
        return rc;
    err_set(err, ERR_LIMIT, "the thumbnails of this account have taken too much work; ask again later");
    err->retry_after_s = (db_number(&row, 0, 0) - most_ms) / FILE_THUMBNAIL_DRAIN_MS_PER_S + 1;
    return DB_FAIL;
}

/*
 * A row whose claim has expired is left to the sweeper and a new row is made, because the first maker may still write
 * to its object.
 */
static bool claim(struct db *db, void *arg, struct err *err)
{
    struct claim *claim = arg;
    struct db_result row;

    claim->rc = take_turn(db, claim, err);
    if (claim->rc != DB_ROW)
        return claim->rc == DB_NONE;
    if (!db_queue(db, sql_file_thumbnail_retire(&claim->original->id, claim->box), err))
        return false;
    claim->rc = db_query(db, claim->arena, claim->call, &row, err);
    return claim->rc != DB_FAIL;
}

enum db_rc file_thumbnail_claim(struct file_store *store, struct arena *arena, const struct file *original, int box,
                                int64_t ms, const struct uuid *lease, struct uuid *id, struct err *err)
{
    const struct object_ops *back_end = object_ops_of_config(store->config);
    int64_t block_bytes = back_end->block_bytes(&store->objects, -1);
    struct claim work = {.store = store, .arena = arena, .original = original, .box = box, .rc = DB_FAIL};

    *id = uuid_new(store->clock);
    work.call = sql_file_thumbnail_claim(id, &original->account, &original->id, box, back_end->name, block_bytes, lease,
                                         ms, store->config->upload_keep_s, store->config->thumbnail_account_at_once);
    return db_transaction(store->db, claim, &work, err) ? work.rc : DB_FAIL;
}

void file_thumbnail_spend(struct file_store *store, struct arena *arena, const struct file *original, int64_t cpu_ms)
{
    struct err ignored = {.kind = ERR_NONE};
    struct db_result row;

    (void)!db_query(store->db, arena, sql_file_thumbnail_spend(&original->account, cpu_ms), &row, &ignored);
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
    const struct db_call call =
        sql_file_thumbnail_refuse(id, lease, err_word(reason->kind), reason->detail, FILE_THUMBNAIL_REFUSED_S);
    struct db_result row;

    return db_query(store->db, arena, call, &row, err) != DB_FAIL;
}

bool file_thumbnail_drop(struct file_store *store, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_file_thumbnail_drop(id), &row, err) != DB_FAIL;
}

void file_thumbnail_release(struct file_store *store, struct arena *arena, const struct uuid *id,
                            const struct uuid *lease)
{
    struct err ignored = {.kind = ERR_NONE};
    struct db_result row;

    (void)!db_query(store->db, arena, sql_file_release(id, lease), &row, &ignored);
}
