#include "store/upload.h"

#include "store/upload_whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A block may take long to fill: after so long what is held is stored, so that a kill costs no more of it. */
    KEEP_EVERY_US = 5000000,
    /* One step's values and tags; the 10,000 blocks of the longest upload are listed once, at its end: about 6 MB. */
    SCRATCH_BYTES = 16 * 1024 * 1024,
    /* A block's memory to begin with: a page, as somebody who sends a byte at a time needs it. */
    LEAST_ROOM_BYTES = 4096,
};

static int64_t now_us(const struct upload *upload)
{
    return upload->store->clock->monotonic_us();
}

/* Its objects are rows, so they change in the row's own transactions. */
static bool in_database(const struct upload *upload)
{
    return upload->back_end->in_database;
}

/* For a statement that found no row with our lease; an error that it met instead came first and stays. */
static bool lost(struct err *err)
{
    return err_set(err, ERR_LOCKED, "another request goes on with this upload");
}

/* Nobody goes on with it but this request, so nobody needs to know more of it than that it is there. */
static bool ends_with_request(const struct upload *upload)
{
    return in_database(upload) &&
           (strcmp(upload->file.via, "upload") == 0 || strcmp(upload->file.via, "thumbnail") == 0);
}

static void free_block(struct upload *upload)
{
    free(upload->block);
    upload->block = NULL;
    upload->room = 0;
}

void upload_shed(struct upload *upload)
{
    if (!upload->is_late)
        free_block(upload);
}

/* It doubles, so that a slow sender holds no more than twice what he sent. */
bool upload_make_room(struct upload *upload, size_t wanted, struct err *err)
{
    size_t most = (size_t)upload->file.object.block_bytes, room = upload->room > 0 ? upload->room : LEAST_ROOM_BYTES;
    unsigned char *block;

    if (wanted <= upload->room)
        return true;
    while (room < wanted)
        room *= 2;
    if (room > most)
        room = most > wanted ? most : wanted;
    block = realloc(upload->block, room);
    if (block == NULL)
        return err_memory(err);
    upload->block = block;
    upload->room = room;
    return true;
}

void upload_rest(struct upload *upload)
{
    size_t room = upload->held > LEAST_ROOM_BYTES ? upload->held : LEAST_ROOM_BYTES;
    unsigned char *block = room < upload->room ? realloc(upload->block, room) : NULL;

    if (block == NULL)
        return;
    upload->block = block;
    upload->room = room;
}

static void release_block(void *upload)
{
    free_block(upload);
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

/* Why there was no lease to be had. */
static enum db_rc refused(struct file_store *store, struct arena *arena, const struct uuid *id,
                          const struct uuid *account, struct err *err)
{
    struct file file;
    enum db_rc rc = file_find(store, arena, id, account, &file, err);

    if (rc != DB_ROW || file.state != FILE_PENDING)
        return rc == DB_FAIL ? DB_FAIL : DB_NONE;
    lost(err);
    return DB_FAIL;
}

enum db_rc upload_open(struct file_store *store, struct arena *arena, const struct uuid *id, const struct uuid *account,
                       struct upload **uploadp, struct err *err)
{
    const struct uuid lease = uuid_new(store->clock);

    return upload_open_by(store, arena, id, account, &lease, uploadp, err);
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
    upload->stored_at_us = upload->leased_at_us = now_us(upload);
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
        return lost(err);
    upload->file.expires_at_ms = db_number(&row, 0, 0);
    return true;
}

static int64_t block_start(const struct upload *upload)
{
    return upload->file.received - (int64_t)upload->held;
}

static bool renew(struct upload *upload, struct err *err)
{
    const struct db_call call =
        sql_file_renew(&upload->file.id, &upload->lease, upload->store->config->upload_lease_ms);
    struct db_result row;

    if (db_query(upload->store->db, &upload->scratch, call, &row, err) != DB_ROW)
        return lost(err);
    upload->leased_at_us = now_us(upload);
    return true;
}

static int64_t block_number(const struct upload *upload)
{
    return block_start(upload) / upload->file.object.block_bytes;
}

bool upload_give_up(struct upload *upload, struct err *err)
{
    arena_reset(&upload->scratch);
    if (file_give_up(upload->store, &upload->scratch, &upload->file.id, &upload->file.account, err) == DB_FAIL)
        return false;
    return strcmp(upload->file.via, "upload") == 0
               ? err_set(err, ERR_DOWN, "the storage has lost what came of " OBJECT_SHOWN, upload->file.object.key)
               : err_set(err, ERR_CONFLICT, "the storage has lost what came of this upload; begin another");
}

/* What the back end refused, unless it has lost what it had. */
static bool refused_by_back_end(struct upload *upload, const struct err *reason, struct err *err)
{
    if (!in_database(upload) && (reason->kind == ERR_ABSENT || reason->kind == ERR_CONFLICT))
        return upload_give_up(upload, err);
    *err = *reason;
    return false;
}

static bool put_block(struct upload *upload, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    const char *tag;

    arena_reset(&upload->scratch);
    if (!upload->back_end->put_block(&upload->store->objects, &upload->scratch, &upload->file.object,
                                     block_number(upload), upload->block, upload->held, &tag, &reason))
        return refused_by_back_end(upload, &reason, err);
    snprintf(upload->tag, sizeof upload->tag, "%s", tag);
    return true;
}

/* What the row says of the block; with the block itself, where that is rows too. */
static bool record_block(struct db *db, void *arg, struct err *err)
{
    struct upload *upload = arg;

    arena_reset(&upload->scratch);
    if (in_database(upload) && (!put_block(upload, err) || !upload_tail_queue_full(upload, err)))
        return false;
    if (upload->tag[0] != '\0' &&
        !db_queue(db, sql_file_block_add(&upload->file.id, block_number(upload), upload->tag), err))
        return false;
    /* Whoever lost the lease must write nothing, also where no offset would tell. */
    if (upload->hold)
        return renew(upload, err);
    return upload_tail_queue_removal(upload, upload->file.received, err) &&
           upload_advance(upload, upload->store->config->upload_lease_ms, err);
}

/* A block's first bytes are kept where they can't be read before the commit. */
static bool keep_head(struct upload *upload, struct err *err)
{
    if (!ends_with_request(upload) || block_start(upload) > 0)
        return true;
    upload->head = arena_alloc(upload->arena, UPLOAD_HEAD_BYTES);
    if (upload->head == NULL)
        return err_memory(err);
    memcpy(upload->head, upload->block, UPLOAD_HEAD_BYTES);
    return true;
}

/* The block and what the row says of it, in one statement, where nothing else has to be written with them. */
static bool put_with_row(struct upload *upload, struct err *err)
{
    const bool told = !ends_with_request(upload);
    const struct file *file = &upload->file;
    unsigned char state[SHA256_STATE_BYTES];
    struct db_result row;

    arena_reset(&upload->scratch);
    if (told)
        sha256_export(&upload->hash, state);
    if (db_query(upload->store->db, &upload->scratch,
                 sql_file_block_put(&file->id, &upload->lease, upload->stored, file->received,
                                    told ? DB_ARRAY(state) : DB_NO_BYTES, upload->store->config->upload_lease_ms,
                                    file_keep_s(upload->store, file->via), block_start(upload),
                                    DB_BYTES(upload->block, upload->held), told),
                 &row, err) != DB_ROW)
        return lost(err);
    upload->file.expires_at_ms = db_number(&row, 0, 0);
    return true;
}

static bool write_block(struct upload *upload, struct err *err)
{
    if (in_database(upload) && !upload->hold && upload->tail.pieces <= 1)
        return put_with_row(upload, err);
    return (in_database(upload) || put_block(upload, err)) &&
           db_transaction(upload->store->db, record_block, upload, err);
}

bool upload_begin(struct upload *upload, struct err *err)
{
    struct object *object = &upload->file.object;
    const char *name;
    struct db_result row;

    if (object->upload[0] != '\0')
        return true;
    arena_reset(&upload->scratch);
    if (!upload->back_end->begin(&upload->store->objects, &upload->scratch, object, "application/octet-stream", &name,
                                 err))
        return false;
    if (name[0] == '\0')
        return true;
    if (db_query(upload->store->db, &upload->scratch, sql_file_set_upload(&upload->file.id, &upload->lease, name), &row,
                 err) != DB_ROW)
        return lost(err);
    object->upload = arena_strdup(upload->arena, name); /* scratch does not last */
    return object->upload != NULL || err_memory(err);
}

/* As many bytes as came are to count for the account. */
static bool count_received(struct upload *upload, struct err *err)
{
    const struct db_call call = sql_file_reserve(&upload->file.id, &upload->lease, upload->file.reserved,
                                                 upload->file.received, upload->store->config->files_max_bytes);
    struct db_result row;

    arena_reset(&upload->scratch);
    switch (db_query(upload->store->db, &upload->scratch, call, &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return file_quota_error(upload->store, &upload->scratch, &upload->file.account, err);
    case DB_ROW:
        upload->file.reserved = upload->file.received;
        return true;
    }
    return false;
}

/* A file whose length nobody promised counts as it grows; a thumbnail never does. */
static bool reserve(struct upload *upload, struct err *err)
{
    return upload->file.received <= upload->file.reserved || strcmp(upload->file.via, "thumbnail") == 0 ||
           count_received(upload, err);
}

bool upload_trim(struct upload *upload, struct err *err)
{
    return upload->plan != NULL || upload->file.received == upload->file.reserved || count_received(upload, err);
}

static bool send_block(struct upload *upload, struct err *err)
{
    if (upload->plan != NULL)
        return err_set(err, ERR_BUG, OBJECT_SHOWN " was to fit into a block", upload->file.object.key);
    if (!reserve(upload, err) || !upload_begin(upload, err) || !keep_head(upload, err) || !write_block(upload, err))
        return false;
    if (!upload->hold)
        upload->stored = upload->file.received;
    upload->stored_at_us = upload->leased_at_us = now_us(upload);
    upload->held = 0;
    upload->tail = (struct upload_tail){.length = 0};
    file_point(upload->store, "upload-block");
    return true;
}

static bool store_tail(struct upload *upload, int64_t lease_ms, struct err *err)
{
    arena_reset(&upload->scratch);
    return upload_tail_queue(upload, err) && upload_tail_queue_removal(upload, block_start(upload), err) &&
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

/* A slow sender fills no block for long: from time to time its tail is stored and the lease renewed. */
static bool tend(struct upload *upload, struct err *err)
{
    int64_t now = now_us(upload);

    if (upload->plan != NULL)
        return true;
    if (!upload->hold && now - upload->stored_at_us > KEEP_EVERY_US && upload->held > upload->tail.length) {
        if (!reserve(upload, err) || !db_transaction(upload->store->db, store_tail_and_go_on, upload, err))
            return false;
        upload->stored = upload->file.received;
        upload_tail_kept(upload);
        upload->stored_at_us = upload->leased_at_us = now_us(upload);
        return true;
    }
    if (now - upload->leased_at_us <= upload->store->config->upload_lease_ms * 1000 / 2)
        return true;
    arena_reset(&upload->scratch);
    return renew(upload, err);
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
        if (step == room && !send_block(upload, err))
            return false;
    }
    return tend(upload, err);
}

bool upload_keep(struct upload *upload, struct err *err)
{
    if (!reserve(upload, err) || !db_transaction(upload->store->db, store_tail_and_leave, upload, err))
        return false;
    upload->stored = upload->file.received;
    upload_tail_kept(upload);
    file_point(upload->store, "upload-kept");
    return true;
}

void upload_leave(struct upload *upload)
{
    const struct db_call call = sql_file_release(&upload->file.id, &upload->lease);
    struct err ignored = {.kind = ERR_NONE}; /* the lease ends by itself */
    struct db_result row;

    arena_reset(&upload->scratch);
    (void)!db_query(upload->store->db, &upload->scratch, call, &row, &ignored);
}

/* The blocks that the row counts, in order. */
static bool list_blocks(struct upload *upload, struct object_block **blocksp, size_t *count, struct err *err)
{
    size_t wanted = (size_t)(block_start(upload) / upload->file.object.block_bytes);
    struct object_block *blocks;
    struct db_result rows;

    *blocksp = NULL;
    *count = wanted;
    if (wanted == 0 || in_database(upload))
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
           refused_by_back_end(upload, &reason, err);
}

static bool seal(struct db *db, void *arg, struct err *err)
{
    struct upload *upload = arg;

    (void)db;
    if (in_database(upload) && !finish(upload, err))
        return false;
    upload->file.sealed = true;
    return upload_tail_queue_removal(upload, upload->file.received, err) &&
           upload_advance(upload, upload->store->config->upload_lease_ms, err);
}

/* Other back ends take longer than a transaction may stand still. Whoever has lost the lease meanwhile did no harm. */
bool upload_seal(struct upload *upload, struct err *err)
{
    if (upload->file.sealed)
        return true;
    if (ends_with_request(upload) && reserve(upload, err)) {
        upload->file.sealed = upload->is_late = true;
        file_point(upload->store, "upload-sealed");
        return true;
    }
    if (!reserve(upload, err) || (!in_database(upload) && !finish(upload, err)))
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
    free_block(upload);
    return true;
}

bool upload_head(struct upload *upload, void *bytes, size_t size, size_t *length, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    if (block_start(upload) == 0) {
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
           refused_by_back_end(upload, &reason, err);
}

static bool commit_row(struct upload *upload, struct arena *arena, const char *type, struct err *err)
{
    const struct file *file = &upload->file;
    struct db_result row;

    if (db_query(upload->store->db, arena,
                 sql_file_commit(&file->id, &upload->lease, file->received, DB_ARRAY(file->sha256), type), &row,
                 err) != DB_ROW)
        return lost(err);
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
