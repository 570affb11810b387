#include "store/move.h"

#include "object/object_postgres.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILES_PAGE = 100,
    /* Renewed with each block; a block takes s3_timeout_ms at most. */
    LEASE_S = 60,
    /* One file's tags: 10,000 parts. */
    ARENA_BYTES = 8 * 1024 * 1024,
};

static const char object_type[] = "application/octet-stream";

/* One file under way. */
struct moving {
    struct move *move;
    struct uuid lease;
    const char *from_name;
    const struct object_ops *from;
    struct object source, target;
    unsigned char sha256[SHA256_BYTES];
    const char *object_name;
    struct object_block *blocks; /* NULL when the back end gives no tags */
    size_t block_count;
    unsigned char *buffer;
    size_t held; /* of the block in the buffer */
    const char *tag;
    struct arena arena;   /* of the file */
    struct arena scratch; /* of one step */
};

static struct db *db_of(const struct moving *moving)
{
    return moving->move->store->db;
}

static struct object_store *objects_of(const struct moving *moving)
{
    return &moving->move->store->objects;
}

static bool lost(struct err *err)
{
    return err_set(err, ERR_LOCKED, "another process has continued with this file");
}

static bool claim(struct moving *moving, struct err *err)
{
    const struct db_call begin = sql_file_copy_begin(&moving->source.id, moving->move->to->name, moving->object_name,
                                                     moving->target.block_bytes, &moving->lease, LEASE_S);
    struct db_result row;

    return db_query(db_of(moving), &moving->scratch, begin, &row, err) == DB_ROW ||
           err_set(err, ERR_LOCKED, "another is moving it, or an older copy of it is to be swept first");
}

/* upload: the back end's name of the upload; NULL leaves it unchanged. */
static bool renew(struct moving *moving, const char *upload, struct err *err)
{
    const struct db_call call =
        sql_file_copy_renew(&moving->source.id, moving->move->to->name, &moving->lease, LEASE_S, upload);
    struct db_result row;

    return db_query(db_of(moving), &moving->scratch, call, &row, err) == DB_ROW || lost(err);
}

static bool begin_target(struct moving *moving, struct err *err)
{
    const char *upload;

    if (!moving->move->to->begin(objects_of(moving), &moving->arena, &moving->target, object_type, &upload, err))
        return false;
    moving->target.upload = upload;
    return renew(moving, upload, err);
}

static bool put_block(struct db *db, void *arg, struct err *err)
{
    struct moving *moving = arg;

    (void)db;
    arena_reset(&moving->scratch);
    return moving->move->to->put_block(objects_of(moving), &moving->scratch, &moving->target,
                                       (int64_t)moving->block_count, moving->buffer, moving->held, &moving->tag, err);
}

static bool send_block(struct moving *moving, struct err *err)
{
    if (!object_write(objects_of(moving), moving->move->to, put_block, moving, err))
        return false;
    if (moving->blocks != NULL) {
        const char *tag = arena_strdup(&moving->arena, moving->tag);

        if (tag == NULL)
            return err_memory(err);
        moving->blocks[moving->block_count] = (struct object_block){.number = (int64_t)moving->block_count, .tag = tag};
    }
    moving->block_count++;
    moving->held = 0;
    return renew(moving, NULL, err);
}

static bool finish(struct db *db, void *arg, struct err *err)
{
    struct moving *moving = arg;

    (void)db;
    arena_reset(&moving->scratch);
    return moving->move->to->finish(objects_of(moving), &moving->scratch, &moving->target, object_type, moving->blocks,
                                    moving->block_count, moving->buffer, moving->held, err);
}

/* Reads exactly so many bytes. */
static bool read_exactly(struct moving *moving, const struct object_ops *ops, const struct object *object,
                         int64_t offset, void *bytes, size_t size, struct err *err)
{
    size_t length;

    arena_reset(&moving->scratch);
    return ops->read(objects_of(moving), &moving->scratch, object, offset, bytes, size, &length, err) &&
           (length == size || err_set(err, ERR_BUG, "%s in %s ends early", object->key, ops->name));
}

static bool is_right(struct moving *moving, struct sha256 *hash, const char *where, struct err *err)
{
    unsigned char digest[SHA256_BYTES];

    sha256_end(hash, digest);
    return memcmp(digest, moving->sha256, SHA256_BYTES) == 0 ||
           err_set(err, ERR_CHECKSUM, "its SHA-256 in %s is another than its row's", where);
}

static bool copy(struct moving *moving, struct err *err)
{
    int64_t size = moving->source.size, block = moving->target.block_bytes;
    struct sha256 hash;

    sha256_init(&hash);
    for (int64_t offset = 0; offset < size; offset += (int64_t)moving->held) {
        if (moving->held > 0 && !send_block(moving, err))
            return false;
        moving->held = size - offset < block ? (size_t)(size - offset) : (size_t)block;
        if (!read_exactly(moving, moving->from, &moving->source, offset, moving->buffer, moving->held, err))
            return false;
        sha256_add(&hash, moving->buffer, moving->held);
        moving->move->moved_bytes += (int64_t)moving->held;
        if (moving->move->progress != NULL)
            moving->move->progress(moving->move->arg, moving->move);
    }
    /* A full last block is a block, not a tail. */
    return is_right(moving, &hash, moving->from_name, err) &&
           ((int64_t)moving->held < block || send_block(moving, err)) &&
           object_write(objects_of(moving), moving->move->to, finish, moving, err) &&
           /* Another process that was stopped may have begun an upload too. */
           (moving->block_count == 0 || moving->move->to->tidy == NULL ||
            moving->move->to->tidy(objects_of(moving), &moving->scratch, &moving->target, err));
}

static bool verify(struct moving *moving, struct err *err)
{
    int64_t size = moving->source.size;
    struct sha256 hash;

    sha256_init(&hash);
    for (int64_t offset = 0; offset < size;) {
        size_t step = (size_t)moving->target.block_bytes;

        if (size - offset < (int64_t)step)
            step = (size_t)(size - offset);
        if (!read_exactly(moving, moving->move->to, &moving->target, offset, moving->buffer, step, err) ||
            !renew(moving, NULL, err))
            return false;
        sha256_add(&hash, moving->buffer, step);
        offset += (int64_t)step;
    }
    return is_right(moving, &hash, moving->move->to->name, err);
}

/* When the answer to a COMMIT was lost, an earlier run may have done it. */
static bool switch_row(struct db *db, void *arg, struct err *err)
{
    struct moving *moving = arg;
    const char *to = moving->move->to->name;
    struct db_result row;
    enum db_rc rc;

    arena_reset(&moving->scratch);
    rc = db_query(db, &moving->scratch,
                  sql_file_move_switch(&moving->source.id, moving->from_name, to, &moving->lease,
                                       moving->target.block_bytes, DB_ARRAY(moving->sha256),
                                       moving->move->store->config->sweep_again_s),
                  &row, err);
    file_point(moving->move->store, "move-switched");
    if (rc != DB_NONE)
        return rc == DB_ROW;
    if (db_query(db, &moving->scratch, sql_fsck_file(&moving->source.id, to), &row, err) == DB_FAIL)
        return false;
    return (row.rows > 0 && db_flag(&row, 0, 0)) || err_set(err, ERR_ABSENT, "it was removed meanwhile");
}

static void give_up(struct moving *moving)
{
    const struct db_call call = sql_file_copy_give_up(&moving->source.id, moving->move->to->name, &moving->lease);
    struct err ignored = {.kind = ERR_NONE}; /* the lease expires */
    struct db_result row;

    (void)!db_query(db_of(moving), &moving->scratch, call, &row, &ignored);
}

static bool allocate(struct moving *moving, struct err *err)
{
    size_t blocks = (size_t)(moving->source.size / moving->target.block_bytes);

    if (moving->move->to != &object_postgres && blocks > 0) {
        moving->blocks = arena_alloc(&moving->arena, blocks * sizeof *moving->blocks);
        if (moving->blocks == NULL)
            return err_memory(err);
    }
    moving->buffer = malloc((size_t)moving->target.block_bytes);
    return moving->buffer != NULL || err_memory(err);
}

static bool move_bytes(struct moving *moving, struct err *err)
{
    bool ok;

    if (!allocate(moving, err) || !claim(moving, err))
        return false;
    ok = (moving->source.size < moving->target.block_bytes || begin_target(moving, err)) && copy(moving, err);
    file_point(moving->move->store, "move-copied");
    ok = ok && verify(moving, err) && db_transaction(db_of(moving), switch_row, moving, err);
    if (!ok)
        give_up(moving);
    return ok;
}

static bool read_row(struct moving *moving, const struct db_result *rows, int row, struct err *err)
{
    size_t length;
    const unsigned char *sha256 = db_parse_bytes(&moving->arena, db_value(rows, row, 4), &length);

    if (sha256 == NULL || length != SHA256_BYTES)
        return err_set(err, ERR_BUG, "its SHA-256 can't be read");
    memcpy(moving->sha256, sha256, SHA256_BYTES);
    moving->lease = uuid_new(moving->move->store->clock);
    moving->from_name = db_value(rows, row, 1);
    moving->object_name = db_value(rows, row, 2);
    moving->from = object_ops_named(moving->from_name);
    moving->source = (struct object){.upload = "", .size = db_number(rows, row, 3)};
    if (moving->from == NULL || !object_reachable(objects_of(moving), moving->from))
        return err_set(err, ERR_INPUT, "it is in %s, but the settings do not say where", moving->from_name);
    moving->source.block_bytes = moving->from->block_bytes(objects_of(moving), moving->source.size);
    if (!file_object(&moving->arena, db_value(rows, row, 0), moving->object_name, &moving->source, err))
        return false;
    moving->target = moving->source;
    moving->target.block_bytes = moving->move->to->block_bytes(objects_of(moving), moving->source.size);
    return true;
}

/* False: other files would fail as well. */
static bool move_file(struct move *move, const struct db_result *rows, int row, struct err *err)
{
    struct moving moving = {.move = move};
    struct err reason = {.kind = ERR_NONE};
    int64_t before = move->moved_bytes;
    bool ok;

    arena_init(&moving.arena, ARENA_BYTES);
    arena_init(&moving.scratch, ARENA_BYTES);
    ok = read_row(&moving, rows, row, &reason) && move_bytes(&moving, &reason);
    free(moving.buffer);
    arena_free(&moving.scratch);
    arena_free(&moving.arena);
    if (ok) {
        move->moved++;
        return true;
    }
    move->moved_bytes = before;
    move->stayed++;
    move->left(move->arg, db_value(rows, row, 0), &reason);
    if (reason.kind != ERR_DOWN)
        return true;
    *err = reason;
    return false;
}

static bool move_from(struct move *move, const struct object_ops *from, struct err *err)
{
    struct uuid after = {.bytes = {0}};
    struct db_result rows = {.rows = FILES_PAGE};
    struct arena arena;
    bool ok = true;

    arena_init(&arena, ARENA_BYTES);
    while (ok && rows.rows == FILES_PAGE) {
        ok = db_query(move->store->db, &arena,
                      sql_file_move_next(from->name, move->account, move->file, &after, FILES_PAGE), &rows,
                      err) != DB_FAIL;
        for (int row = 0; ok && row < rows.rows; row++)
            ok = db_id(&rows, row, 0, &after, err) && move_file(move, &rows, row, err);
        arena_reset(&arena);
    }
    arena_free(&arena);
    return ok;
}

bool move_run(struct move *move, struct err *err)
{
    const struct object_ops *const *from = object_ops_all();

    for (; *from != NULL; from++)
        if (*from != move->to && !move_from(move, *from, err))
            return false;
    return true;
}
