#include "store/upload_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A block's memory to begin with: a page, which is enough for a client that sends a byte at a time. */
    LEAST_ROOM_BYTES = 4096,
};

/* --- The memory of the block that is being filled */

void upload_free_block(struct upload *upload)
{
    free(upload->block);
    upload->block = NULL;
    upload->room = 0;
}

void upload_shed(struct upload *upload)
{
    if (!upload->is_late)
        upload_free_block(upload);
}

/* The memory doubles, so that a slow client takes no more than twice the bytes that it has sent. */
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

/* --- Blocks, and the room that they take in the account */

bool upload_refused(struct upload *upload, const struct err *reason, struct err *err)
{
    if (!upload_in_database(upload) && (reason->kind == ERR_ABSENT || reason->kind == ERR_CONFLICT))
        return upload_give_up(upload, err);
    *err = *reason;
    return false;
}

static int64_t block_number(const struct upload *upload)
{
    return upload_block_start(upload) / upload->file.object.block_bytes;
}

static bool put_block(struct upload *upload, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    const char *tag;

    arena_reset(&upload->scratch);
    if (!upload->back_end->put_block(&upload->store->objects, &upload->scratch, &upload->file.object,
                                     block_number(upload), upload->block, upload->held, &tag, &reason))
        return upload_refused(upload, &reason, err);
    snprintf(upload->tag, sizeof upload->tag, "%s", tag);
    return true;
}

/* Notes the block in the row; with a back end in the database the block is written in the same transaction. */
static bool record_block(struct db *db, void *arg, struct err *err)
{
    struct upload *upload = arg;

    arena_reset(&upload->scratch);
    if (upload_in_database(upload) && (!put_block(upload, err) || !upload_tail_queue_full(upload, err)))
        return false;
    if (upload->tag[0] != '\0' &&
        !db_queue(db, sql_file_block_add(&upload->file.id, block_number(upload), upload->tag), err))
        return false;
    /* A worker that has lost the lease must not write anything, also when no offset is compared. */
    if (upload->hold)
        return upload_renew(upload, err);
    return upload_tail_queue_removal(upload, upload->file.received, err) &&
           upload_advance(upload, upload->store->config->upload_lease_ms, err);
}

/* Keeps the first bytes of the file where they can't be read from the back end before the commit. */
static bool keep_head(struct upload *upload, struct err *err)
{
    if (!upload_ends_with_request(upload) || upload_block_start(upload) > 0)
        return true;
    upload->head = arena_alloc(upload->arena, UPLOAD_HEAD_BYTES);
    if (upload->head == NULL)
        return err_memory(err);
    memcpy(upload->head, upload->block, UPLOAD_HEAD_BYTES);
    return true;
}

/* Writes the block and the row by one statement, when nothing else has to be written with them. */
static bool put_with_row(struct upload *upload, struct err *err)
{
    const bool told = !upload_ends_with_request(upload);
    const struct file *file = &upload->file;
    unsigned char state[SHA256_STATE_BYTES];
    struct db_result row;

    arena_reset(&upload->scratch);
    if (told)
        sha256_export(&upload->hash, state);
    if (db_query(upload->store->db, &upload->scratch,
                 sql_file_block_put(&file->id, &upload->lease, upload->stored, file->received,
                                    told ? DB_ARRAY(state) : DB_NO_BYTES, upload->store->config->upload_lease_ms,
                                    file_keep_s(upload->store, file->via), upload_block_start(upload),
                                    DB_BYTES(upload->block, upload->held), told),
                 &row, err) != DB_ROW)
        return upload_lost(err);
    upload->file.expires_at_ms = db_number(&row, 0, 0);
    return true;
}

static bool write_block(struct upload *upload, struct err *err)
{
    if (upload_in_database(upload) && !upload->hold && upload->tail.pieces <= 1)
        return put_with_row(upload, err);
    return (upload_in_database(upload) || put_block(upload, err)) &&
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
        return upload_lost(err);
    object->upload = arena_strdup(upload->arena, name); /* scratch is reset by each step */
    return object->upload != NULL || err_memory(err);
}

/* Makes the account's usage count as many bytes as came. */
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

/* A file without a promised length counts as it grows. A thumbnail does not count. */
bool upload_reserve(struct upload *upload, struct err *err)
{
    return upload->file.received <= upload->file.reserved || strcmp(upload->file.via, "thumbnail") == 0 ||
           count_received(upload, err);
}

bool upload_trim(struct upload *upload, struct err *err)
{
    return upload->plan != NULL || upload->file.received == upload->file.reserved || count_received(upload, err);
}

bool upload_send_block(struct upload *upload, struct err *err)
{
    if (upload->plan != NULL)
        return err_set(err, ERR_BUG, OBJECT_SHOWN " was to fit into a block", upload->file.object.key);
    if (!upload_reserve(upload, err) || !upload_begin(upload, err) || !keep_head(upload, err) ||
        !write_block(upload, err))
        return false;
    if (!upload->hold)
        upload->stored = upload->file.received;
    upload->stored_at_us = upload->leased_at_us = upload_now_us(upload);
    upload->held = 0;
    upload->tail = (struct upload_tail){.length = 0};
    file_point(upload->store, "upload-block");
    return true;
}
