#include "store/upload_tail.h"

#include "store/upload_internal.h"

#include <string.h>

/* Reads a column of type int8 in binary form. */
static int64_t raw_number(const struct db_result *rows, int row, int column)
{
    size_t length;
    const unsigned char *bytes = db_raw(rows, row, column, &length);
    uint64_t number = 0;

    for (size_t i = 0; i < length; i++)
        number = number << 8 | bytes[i];
    return (int64_t)number;
}

/* A piece ends where the next one begins; a PATCH with a wrong checksum may have left bytes behind that place. */
static bool read_piece(struct upload *upload, const struct db_result *rows, int row, size_t tail, struct err *err)
{
    size_t start = (size_t)raw_number(rows, row, 0), length;
    size_t end = row + 1 < rows->rows ? (size_t)raw_number(rows, row + 1, 0) : tail;
    const void *bytes = db_raw(rows, row, 1, &length);

    if (start != upload->tail.length || length < end - start || row == UPLOAD_PIECES_MAX)
        return err_set(err, ERR_BUG, "the tail of " OBJECT_SHOWN " is cut off", upload->file.object.key);
    memcpy(upload->block + start, bytes, end - start);
    upload->tail.starts[upload->tail.pieces++] = start;
    upload->tail.length = end;
    return true;
}

bool upload_tail_load(struct upload *upload, struct err *err)
{
    int64_t received = upload->file.received;
    size_t tail = upload->file.sealed ? 0 : (size_t)(received % upload->file.object.block_bytes);
    struct db_result rows;

    upload->tail = (struct upload_tail){.length = 0};
    if (tail == 0)
        return true;
    if (db_query_raw(upload->store->db, &upload->scratch,
                     sql_file_tail_read(&upload->file.id, received - (int64_t)tail, received), &rows, err) != DB_ROW)
        return err_set(err, ERR_BUG, "the tail of " OBJECT_SHOWN " is gone", upload->file.object.key);
    if (!upload_make_room(upload, tail, err))
        return false;
    for (int row = 0; row < rows.rows; row++)
        if (!read_piece(upload, &rows, row, tail, err))
            return false;
    upload->held = tail;
    arena_reset(&upload->scratch);
    return true;
}

/*
 * The number of the piece that the added bytes become: the first piece that they are joined with, or a new one. *start:
 * where it begins.
 */
static size_t next_piece(const struct upload *upload, size_t *start)
{
    const struct upload_tail *tail = &upload->tail;
    size_t piece = tail->pieces;

    *start = tail->length;
    while (piece > 0 && (piece == UPLOAD_PIECES_MAX || *start - tail->starts[piece - 1] < 2 * (upload->held - *start)))
        *start = tail->starts[--piece];
    return piece;
}

static bool is_kept(const struct upload *upload)
{
    return upload->held == upload->tail.length;
}

size_t upload_tail_pieces(const struct upload *upload)
{
    size_t start;

    if (upload->file.sealed || upload->held == (size_t)upload->file.object.block_bytes)
        return 0;
    return is_kept(upload) ? upload->tail.pieces : next_piece(upload, &start) + 1;
}

/* Queues the removal of the pieces that begin between these places of the block. */
static bool queue_trim(struct upload *upload, size_t after, size_t before, struct err *err)
{
    int64_t start = upload_block_start(upload);

    return db_queue(upload->store->db,
                    sql_file_tail_trim(&upload->file.id, start + (int64_t)after, start + (int64_t)before), err);
}

bool upload_tail_queue(struct upload *upload, struct err *err)
{
    size_t start, piece;

    if (is_kept(upload))
        return true;
    piece = next_piece(upload, &start);
    return db_queue(upload->store->db,
                    sql_file_chunk_put(&upload->file.id, upload_block_start(upload) + (int64_t)start,
                                       DB_BYTES(upload->block + start, upload->held - start)),
                    err) &&
           (upload->tail.pieces <= piece + 1 || queue_trim(upload, start, upload->held, err));
}

void upload_tail_kept(struct upload *upload)
{
    size_t start, piece;

    if (is_kept(upload))
        return;
    piece = next_piece(upload, &start);
    upload->tail.starts[piece] = start;
    upload->tail.pieces = piece + 1;
    upload->tail.length = upload->held;
}

bool upload_tail_queue_full(struct upload *upload, struct err *err)
{
    return upload->tail.pieces <= 1 || queue_trim(upload, 0, upload->held, err);
}

bool upload_tail_queue_removal(struct upload *upload, int64_t before, struct err *err)
{
    return upload->back_end->in_database ||
           db_queue(upload->store->db, sql_file_tails_remove(&upload->file.id, before), err);
}
