#include "store/file.h"

#include "base/text_limit.h"

#include <stdio.h>
#include <string.h>

enum {
    /*
     * Longer than the longest allowed pause between two blocks of a body. For this time the file of a request whose
     * worker died counts for its account.
     */
    REQUEST_KEEP_S = 900,
};

int64_t file_keep_s(const struct file_store *store, const char *via)
{
    int64_t keep_s = store->config->upload_keep_s;

    return strcmp(via, "upload") == 0 && keep_s > REQUEST_KEEP_S ? REQUEST_KEEP_S : keep_s;
}

static bool read_hash(struct arena *arena, const struct db_result *rows, int row, struct file *file, struct err *err)
{
    size_t length;
    const unsigned char *sha256;

    if (!db_is_null(rows, row, FILE_ROW_HASH_STATE)) {
        file->hash_state = db_parse_bytes(arena, db_value(rows, row, FILE_ROW_HASH_STATE), &file->hash_state_length);
        if (file->hash_state == NULL)
            return err_memory(err);
    }
    if (db_is_null(rows, row, FILE_ROW_SHA256))
        return true;
    sha256 = db_parse_bytes(arena, db_value(rows, row, FILE_ROW_SHA256), &length);
    if (sha256 == NULL || length != SHA256_BYTES)
        return err_set(err, ERR_BUG, "a file's SHA-256 can't be read");
    memcpy(file->sha256, sha256, SHA256_BYTES);
    return true;
}

void file_point(const struct file_store *store, const char *name)
{
    if (store->point != NULL)
        store->point(name);
}

bool file_object(struct arena *arena, const char *id, const char *object_name, struct object *object, struct err *err)
{
    object->key = arena_printf(arena, OBJECT_PREFIX "%s/%s", id, object_name);
    if (object->key == NULL)
        return err_memory(err);
    return uuid_parse(id, &object->id) || err_set(err, ERR_BUG, "not an id: %.40s", id);
}

bool file_read(struct arena *arena, const struct db_result *rows, int row, struct file *file, struct err *err)
{
    *file = (struct file){
        .state = strcmp(db_value(rows, row, FILE_ROW_STATE), "committed") == 0 ? FILE_COMMITTED : FILE_PENDING,
        .via = db_value(rows, row, FILE_ROW_VIA),
        .back_end = db_value(rows, row, FILE_ROW_BACK_END),
        .object.upload = db_value(rows, row, FILE_ROW_OBJECT_UPLOAD),
        .object.block_bytes = db_number(rows, row, FILE_ROW_BLOCK_BYTES),
        .name = db_value(rows, row, FILE_ROW_NAME),
        .claimed_type = db_value(rows, row, FILE_ROW_CLAIMED_TYPE),
        .type = db_value(rows, row, FILE_ROW_TYPE),
        .metadata = db_value(rows, row, FILE_ROW_METADATA),
        .size = db_is_null(rows, row, FILE_ROW_SIZE) ? -1 : db_number(rows, row, FILE_ROW_SIZE),
        .reserved = db_number(rows, row, FILE_ROW_RESERVED),
        .received = db_number(rows, row, FILE_ROW_RECEIVED),
        .created_at_ms = db_number(rows, row, FILE_ROW_CREATED_AT),
        .expires_at_ms = db_number(rows, row, FILE_ROW_SWEEP_AT),
        .sealed = db_flag(rows, row, FILE_ROW_SEALED),
        .concat = db_value(rows, row, FILE_ROW_CONCAT),
    };
    if (!file_object(arena, db_value(rows, row, FILE_ROW_ID), db_value(rows, row, FILE_ROW_OBJECT_NAME), &file->object,
                     err))
        return false;
    if (!db_id(rows, row, FILE_ROW_ACCOUNT_ID, &file->account, err))
        return false;
    file->id = file->object.id;
    file->object.size = file->sealed ? file->received : file->size;
    return read_hash(arena, rows, row, file, err);
}

bool file_usage(struct file_store *store, struct arena *arena, const struct uuid *account, struct file_usage *usage,
                struct err *err)
{
    struct db_result row;

    *usage = (struct file_usage){.bytes = 0};
    switch (db_query(store->db, arena, sql_file_usage(account), &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        break;
    case DB_ROW:
        usage->bytes = db_number(&row, 0, 0);
        usage->files = db_number(&row, 0, 1);
    }
    return true;
}

bool file_quota_error(struct file_store *store, struct arena *arena, const struct uuid *account, struct err *err)
{
    struct file_usage usage;

    if (!file_usage(store, arena, account, &usage, err))
        return false;
    if (usage.files >= store->config->files_max_count)
        return err_field(err, ERR_LARGE, "quota", "you may have %lld files, and have them all",
                         (long long)store->config->files_max_count);
    return err_field(
        err, ERR_LARGE, "quota", "there is room for %lld more bytes of your files",
        (long long)(usage.bytes < store->config->files_max_bytes ? store->config->files_max_bytes - usage.bytes : 0));
}

size_t file_block_room(const struct file_store *store, int64_t size, int64_t length)
{
    int64_t block = object_ops_of_config(store->config)->block_bytes(&store->objects, size);

    return (size_t)(length < block ? length : block);
}

bool file_create(struct file_store *store, struct arena *arena, const struct uuid *account,
                 const struct file_plan *plan, struct file *file, struct err *err)
{
    const struct object_ops *back_end = object_ops_of_config(store->config);
    const struct config *config = store->config;
    const struct uuid id = uuid_new(store->clock);
    const struct db_call create = sql_file_create(
        &id, account, plan->via, back_end->name, plan->object_name, back_end->block_bytes(&store->objects, plan->size),
        plan->name, plan->claimed_type, plan->metadata, plan->size >= 0 ? &plan->size : NULL, plan->reserve,
        file_keep_s(store, plan->via), config->files_max_bytes, config->files_max_count,
        plan->concat != NULL ? plan->concat : "", plan->holder, config->upload_lease_ms);
    struct db_result row;

    switch (db_query(store->db, arena, create, &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return file_quota_error(store, arena, account, err);
    case DB_ROW:
        return file_read(arena, &row, 0, file, err);
    }
    return false;
}

enum db_rc file_find(struct file_store *store, struct arena *arena, const struct uuid *id, const struct uuid *account,
                     struct file *file, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_file_find(id, account), &row, err);

    return rc == DB_ROW && !file_read(arena, &row, 0, file, err) ? DB_FAIL : rc;
}

enum db_rc file_find_small(struct file_store *store, struct arena *arena, const struct uuid *id,
                           const struct uuid *account, struct file *file, struct err *err)
{
    enum { COLUMN_CONTENT = FILE_ROW_COUNT };
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_file_find_small(id, account, FILE_SMALL_BYTES), &row, err);
    size_t length;
    const unsigned char *content;

    if (rc != DB_ROW)
        return rc;
    if (!file_read(arena, &row, 0, file, err))
        return DB_FAIL;
    if (db_is_null(&row, 0, COLUMN_CONTENT))
        return DB_ROW;
    content = db_stored_bytes(arena, &row, 0, COLUMN_CONTENT, &length);
    if (content == NULL) {
        err_memory(err);
        return DB_FAIL;
    }
    file->content = (int64_t)length == file->size ? content : NULL;
    return DB_ROW;
}

enum db_rc file_set_size(struct file_store *store, struct arena *arena, const struct uuid *id,
                         const struct uuid *account, int64_t size, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_file_set_size(id, account, size), &row, err);
}

static enum db_rc drop(struct file_store *store, struct arena *arena, const struct uuid *id, const struct uuid *account,
                       bool pending_only, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_file_drop(id, account, pending_only), &row, err);

    file_point(store, "file-dropped");
    return rc;
}

enum db_rc file_drop(struct file_store *store, struct arena *arena, const struct uuid *id, const struct uuid *account,
                     struct err *err)
{
    return drop(store, arena, id, account, false, err);
}

enum db_rc file_give_up(struct file_store *store, struct arena *arena, const struct uuid *id,
                        const struct uuid *account, struct err *err)
{
    return drop(store, arena, id, account, true, err);
}

enum db_rc file_rename(struct file_store *store, struct arena *arena, const struct uuid *id, const struct uuid *account,
                       const char *name, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_file_rename(id, account, name), &row, err);
}

bool file_give_back(struct file_store *store, struct arena *arena, const struct uuid *account,
                    const struct uuid *holder, const struct uuid *ours, size_t count, int64_t *dropped, struct err *err)
{
    struct db_result row;

    if (!db_query_one(store->db, arena, sql_file_give_back(account, holder, (struct db_uuids){ours, count}), &row, err))
        return false;
    *dropped = db_number(&row, 0, 0);
    return true;
}

bool file_list(struct file_store *store, struct arena *arena, const struct uuid *account, const char *contains,
               const struct uuid *before, int most, const char **json, struct err *err)
{
    int at_most = most < FILE_PAGE_MAX ? most : FILE_PAGE_MAX;
    struct db_result row;

    if (!text_check(TEXT_SEARCH, "q", contains, err) ||
        !db_query_one(store->db, arena, sql_file_list(account, contains, before, at_most), &row, err))
        return false;
    *json = db_value(&row, 0, 0);
    return true;
}

const struct object_ops *file_back_end(const struct file *file, struct err *err)
{
    const struct object_ops *ops = object_ops_named(file->back_end);

    if (ops == NULL)
        err_set(err, ERR_BUG, "no back end %s for " OBJECT_SHOWN, file->back_end, file->object.key);
    return ops;
}
