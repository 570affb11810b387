#include "store/upload_internal.h"

#include "store/upload_whole.h"

#include <string.h>

/* Lists the blocks that the row counts, in order. */
static bool list_blocks(struct upload *upload, struct object_block **blocksp, size_t *count, struct err *err)
{
    size_t wanted = (size_t)(upload_block_start(upload) / upload->file.object.block_bytes);
    struct object_block *blocks;
    struct db_result rows;

    *blocksp = NULL;
    *count = wanted;
    if (wanted == 0 || upload_in_database(upload))
        return true;
    blocks = arena_alloc(&upload->scratch, wanted * sizeof *blocks);
    if (blocks == NULL)
        return err_memory(err);
    if (db_query(upload->store->db, &upload->scratch, sql_file_blocks(&upload->file.id), &rows, err) == DB_FAIL)
        return false;
    for (size_t i = 0; i < wanted; i++) {
        if ((int64_t)i >= rows.rows || db_number(&rows, (int)i, 0) != (int64_t)i)
            return err_set(err, ERR_BUG, "block %zu of " OBJECT_SHOWN " is not known", i, upload->file.object.key);
        blocks[i] = (struct object_block){.number = (int64_t)i, .tag = db_value(&rows, (int)i, 1)};
    }
    *blocksp = blocks;
    return true;
}

static bool finish(struct upload *upload, struct err *err)
{
    struct object *object = &upload->file.object;
    struct err reason = {.kind = ERR_NONE};
    struct object_block *blocks;
    size_t count;

    arena_reset(&upload->scratch);
    object->size = upload->file.received;
    if (!list_blocks(upload, &blocks, &count, err))
        return false;
    return upload->back_end->finish(&upload->store->objects, &upload->scratch, object, "application/octet-stream",
                                    blocks, count, upload->block, upload->held, &reason) ||
           upload_refused(upload, &reason, err);
}

static bool seal(struct db *db, void *arg, struct err *err)
{
    struct upload *upload = arg;

    (void)db;
    if (upload_in_database(upload) && !finish(upload, err))
        return false;
    upload->file.sealed = true;
    return upload_tail_queue_removal(upload, upload->file.received, err) &&
           upload_advance(upload, upload->store->config->upload_lease_ms, err);
}

/*
 * A back end outside of the database makes the object whole before the transaction, because that may take longer than a
 * transaction may wait. A worker that has lost the lease meanwhile has done no harm.
 */
bool upload_seal(struct upload *upload, struct err *err)
{
    if (upload->file.sealed)
        return true;
    if (upload_ends_with_request(upload) && upload_reserve(upload, err)) {
        upload->file.sealed = upload->is_late = true;
        file_point(upload->store, "upload-sealed");
        return true;
    }
    if (!upload_reserve(upload, err) || (!upload_in_database(upload) && !finish(upload, err)))
        return false;
    if (!db_transaction(upload->store->db, seal, upload, err)) {
        upload->file.sealed = false;
        return false;
    }
    upload->stored = upload->file.received;
    file_point(upload->store, "upload-sealed");
    return true;
}

bool upload_settle(struct upload *upload, struct err *err)
{
    if (!upload->is_late || upload->plan != NULL)
        return true;
    if (!db_transaction(upload->store->db, seal, upload, err))
        return false;
    upload->is_late = false;
    upload_free_block(upload);
    return true;
}

bool upload_head(struct upload *upload, void *bytes, size_t size, size_t *length, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    if (upload_block_start(upload) == 0) {
        *length = upload->held < size ? upload->held : size;
        memcpy(bytes, upload->block, *length);
        return true;
    }
    if (upload->head != NULL) {
        *length = UPLOAD_HEAD_BYTES < size ? UPLOAD_HEAD_BYTES : size;
        memcpy(bytes, upload->head, *length);
        return true;
    }
    arena_reset(&upload->scratch);
    return upload->back_end->read(&upload->store->objects, &upload->scratch, &upload->file.object, 0, bytes, size,
                                  length, &reason) ||
           upload_refused(upload, &reason, err);
}

static bool commit_row(struct upload *upload, struct arena *arena, const char *type, struct err *err)
{
    const struct file *file = &upload->file;
    struct db_result row;

    if (db_query(upload->store->db, arena,
                 sql_file_commit(&file->id, &upload->lease, file->received, DB_ARRAY(file->sha256), type), &row,
                 err) != DB_ROW)
        return upload_lost(err);
    upload->file.created_at_ms = db_number(&row, 0, 0);
    return true;
}

bool upload_commit(struct upload *upload, struct arena *arena, const char *type, struct err *err)
{
    struct sha256 hash = upload->hash;

    sha256_end(&hash, upload->file.sha256);
    if (upload->is_late && !finish(upload, err))
        return false;
    if (!(upload->plan != NULL ? upload_whole_commit : commit_row)(upload, arena, type, err))
        return false;
    upload->file.size = upload->file.received;
    upload->file.type = type;
    upload->file.state = FILE_COMMITTED;
    file_point(upload->store, "upload-commit");
    return true;
}
