#include "store/upload.h"

#include "store/upload_internal.h"

#include <string.h>

enum {
    /*
     * A slow client takes long to fill a block. After so long the bytes in memory are stored, so that a killed worker
     * loses no more.
     */
    KEEP_EVERY_US = 5000000,
    /* Values and tags of one step. The 10,000 blocks of the longest upload are listed once, at its end: about 6 MB. */
    SCRATCH_BYTES = 16 * 1024 * 1024,
};

bool upload_in_database(const struct upload *upload)
{
    return upload->back_end->in_database;
}

bool upload_lost(struct err *err)
{
    return err_set(err, ERR_LOCKED, "another request is writing to this upload");
}

bool upload_ends_with_request(const struct upload *upload)
{
    return upload_in_database(upload) &&
           (strcmp(upload->file.via, "upload") == 0 || strcmp(upload->file.via, "thumbnail") == 0);
}

int64_t upload_block_start(const struct upload *upload)
{
    return upload->file.received - (int64_t)upload->held;
}

int64_t upload_now_us(const struct upload *upload)
{
    return upload->store->clock->monotonic_us();
}

static void release_block(void *upload)
{
    upload_free_block(upload);
}

static void release_scratch(void *scratch)
{
    arena_free(scratch);
}

static bool load_hash(struct upload *upload, struct err *err)
{
    if (upload->file.hash_state == NULL)
        sha256_init(&upload->hash);
    else if (!sha256_import(&upload->hash, upload->file.hash_state, upload->file.hash_state_length))
        return err_set(err, ERR_BUG, "the running hash of " OBJECT_SHOWN " can't be read", upload->file.object.key);
    return true;
}

/* Finds out why there was no lease: DB_NONE when there is no such upload, ERR_LOCKED when another request has it. */
static enum db_rc refused(struct file_store *store, struct arena *arena, const struct uuid *id,
                          const struct uuid *account, struct err *err)
{
    struct file file;
    enum db_rc rc = file_find(store, arena, id, account, &file, err);

    if (rc != DB_ROW || file.state != FILE_PENDING)
        return rc == DB_FAIL ? DB_FAIL : DB_NONE;
    upload_lost(err);
    return DB_FAIL;
}

bool upload_alloc(struct file_store *store, struct arena *arena, struct upload **uploadp, struct err *err)
{
    struct upload *upload = arena_zalloc(arena, sizeof *upload);

    *uploadp = upload;
    if (upload == NULL)
        return err_memory(err);
    upload->store = store;
    upload->arena = arena;
    arena_init(&upload->scratch, SCRATCH_BYTES);
    upload->stored_at_us = upload->leased_at_us = upload_now_us(upload);
    return (arena_defer(arena, release_block, upload) && arena_defer(arena, release_scratch, &upload->scratch)) ||
           err_memory(err);
}

static bool begin(struct upload *upload, const struct uuid *lease, struct err *err)
{
    upload->lease = *lease;
    upload->back_end = file_back_end(&upload->file, err);
    upload->stored = upload->file.received;
    return upload->back_end != NULL && upload_make_room(upload, 1, err) && load_hash(upload, err);
}

enum db_rc upload_open_by(struct file_store *store, struct arena *arena, const struct uuid *id,
                          const struct uuid *account, const struct uuid *held, struct upload **uploadp, struct err *err)
{
    struct upload *upload;
    struct db_result row;
    enum db_rc rc;

    *uploadp = NULL;
    if (!upload_alloc(store, arena, &upload, err))
        return DB_FAIL;
    rc = db_query(store->db, arena, sql_file_lease(id, account, held, store->config->upload_lease_ms), &row, err);
    if (rc == DB_NONE)
        return refused(store, arena, id, account, err);
    if (rc == DB_FAIL || !file_read(arena, &row, 0, &upload->file, err) || !begin(upload, held, err) ||
        !upload_tail_load(upload, err))
        return DB_FAIL;
    *uploadp = upload;
    return DB_ROW;
}

enum db_rc upload_open(struct file_store *store, struct arena *arena, const struct uuid *id, const struct uuid *account,
                       struct upload **uploadp, struct err *err)
{
    const struct uuid lease = uuid_new(store->clock);

    return upload_open_by(store, arena, id, account, &lease, uploadp, err);
}

bool upload_open_made(struct file_store *store, struct arena *arena, const struct file *file, const struct uuid *lease,
                      struct upload **uploadp, struct err *err)
{
    struct upload *upload;

    *uploadp = NULL;
    if (!upload_alloc(store, arena, &upload, err))
        return false;
    upload->file = *file;
    if (!begin(upload, lease, err))
        return false;
    *uploadp = upload;
    return true;
}

bool upload_advance(struct upload *upload, int64_t lease_ms, struct err *err)
{
    unsigned char state[SHA256_STATE_BYTES];
    const struct file *file = &upload->file;
    struct db_result row;

    sha256_export(&upload->hash, state);
    if (db_query(upload->store->db, &upload->scratch,
                 sql_file_advance(&file->id, &upload->lease, upload->stored, file->received, DB_ARRAY(state), lease_ms,
                                  file_keep_s(upload->store, file->via), file->sealed,
                                  (int64_t)upload_tail_pieces(upload)),
                 &row, err) != DB_ROW)
        return upload_lost(err);
    upload->file.expires_at_ms = db_number(&row, 0, 0);
    return true;
}

bool upload_renew(struct upload *upload, struct err *err)
{
    const struct db_call call =
        sql_file_renew(&upload->file.id, &upload->lease, upload->store->config->upload_lease_ms);
    struct db_result row;

    if (db_query(upload->store->db, &upload->scratch, call, &row, err) != DB_ROW)
        return upload_lost(err);
    upload->leased_at_us = upload_now_us(upload);
    return true;
}

bool upload_give_up(struct upload *upload, struct err *err)
{
    arena_reset(&upload->scratch);
    if (file_give_up(upload->store, &upload->scratch, &upload->file.id, &upload->file.account, err) == DB_FAIL)
        return false;
    return strcmp(upload->file.via, "upload") == 0
               ? err_set(err, ERR_DOWN, "the storage has lost bytes of " OBJECT_SHOWN, upload->file.object.key)
               : err_set(err, ERR_CONFLICT, "the storage has lost bytes of this upload; begin another");
}

static bool store_tail(struct upload *upload, int64_t lease_ms, struct err *err)
{
    arena_reset(&upload->scratch);
    return upload_tail_queue(upload, err) && upload_tail_queue_removal(upload, upload_block_start(upload), err) &&
           upload_advance(upload, lease_ms, err);
}

static bool store_tail_and_go_on(struct db *db, void *arg, struct err *err)
{
    struct upload *upload = arg;

    (void)db;
    return store_tail(upload, upload->store->config->upload_lease_ms, err);
}

static bool store_tail_and_leave(struct db *db, void *arg, struct err *err)
{
    (void)db;
    return store_tail(arg, 0, err);
}

/* Stores the tail and renews the lease from time to time, for a client that takes long to fill a block. */
static bool tend(struct upload *upload, struct err *err)
{
    int64_t now = upload_now_us(upload);

    if (upload->plan != NULL)
        return true;
    if (!upload->hold && now - upload->stored_at_us > KEEP_EVERY_US && upload->held > upload->tail.length) {
        if (!upload_reserve(upload, err) || !db_transaction(upload->store->db, store_tail_and_go_on, upload, err))
            return false;
        upload->stored = upload->file.received;
        upload_tail_kept(upload);
        upload->stored_at_us = upload->leased_at_us = upload_now_us(upload);
        return true;
    }
    if (now - upload->leased_at_us <= upload->store->config->upload_lease_ms * 1000 / 2)
        return true;
    arena_reset(&upload->scratch);
    return upload_renew(upload, err);
}

static bool fits(const struct upload *upload, size_t length, struct err *err)
{
    const struct file *file = &upload->file;
    int64_t most = upload->store->config->file_max_bytes;

    if (file->size >= 0 && (int64_t)length > file->size - file->received)
        return err_set(err, ERR_LARGE, "the upload was to have %lld bytes", (long long)file->size);
    if ((int64_t)length > most - file->received)
        return err_set(err, ERR_LARGE, "a file may have at most %lld bytes", (long long)most);
    return true;
}

bool upload_add(struct upload *upload, const void *bytes, size_t length, struct err *err)
{
    const unsigned char *at = bytes;

    if (upload->file.sealed)
        return err_set(err, ERR_BUG, OBJECT_SHOWN " is whole already", upload->file.object.key);
    if (!fits(upload, length, err))
        return false;
    while (length > 0) {
        size_t room = (size_t)upload->file.object.block_bytes - upload->held;
        size_t step = length < room ? length : room;

        if (!upload_make_room(upload, upload->held + step, err))
            return false;
        memcpy(upload->block + upload->held, at, step);
        sha256_add(&upload->hash, at, step);
        upload->held += step;
        upload->file.received += (int64_t)step;
        at += step;
        length -= step;
        if (step == room && !upload_send_block(upload, err))
            return false;
    }
    return tend(upload, err);
}

bool upload_keep(struct upload *upload, struct err *err)
{
    if (!upload_reserve(upload, err) || !db_transaction(upload->store->db, store_tail_and_leave, upload, err))
        return false;
    upload->stored = upload->file.received;
    upload_tail_kept(upload);
    file_point(upload->store, "upload-kept");
    return true;
}

void upload_leave(struct upload *upload)
{
    const struct db_call call = sql_file_release(&upload->file.id, &upload->lease);
    struct err ignored = {.kind = ERR_NONE}; /* the lease expires */
    struct db_result row;

    arena_reset(&upload->scratch);
    (void)!db_query(upload->store->db, &upload->scratch, call, &row, &ignored);
}
