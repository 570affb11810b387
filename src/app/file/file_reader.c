#include "app/file/file_reader.h"

static void let_go(struct file_reader *reader)
{
    arena_free(&reader->scratch);
    block_pool_give(reader->blocks, reader->bytes);
    block_pool_give(reader->blocks, reader->ahead);
    reader->bytes = reader->ahead = NULL;
}

static void release(void *arg)
{
    struct file_reader *reader = arg;

    if (reader->expects)
        reader->back_end->expect(reader->store, &reader->object, 0, 0);
    let_go(reader);
}

/* The bytes wanted of the next block. After the first piece of a range, pieces are blocks of the back end. */
static size_t wanted(const struct file_reader *reader)
{
    int64_t left = reader->end - reader->offset, block = FILE_READER_BYTES - reader->offset % FILE_READER_BYTES;

    return (size_t)(left < block ? left : block);
}

static bool read_block(struct file_reader *reader, unsigned char **bytes, size_t *length, struct err *err)
{
    if (*bytes == NULL && (*bytes = block_pool_take(reader->blocks)) == NULL)
        return err_memory(err);
    arena_reset(&reader->scratch);
    return reader->back_end->read(reader->store, &reader->scratch, &reader->object, reader->offset, *bytes,
                                  wanted(reader), length, err);
}

void file_reader_seek(struct file_reader *reader, int64_t offset, int64_t length)
{
    reader->offset = offset;
    reader->end = offset + length;
}

bool file_reader_turn_to(struct exchange *x, struct file_reader *reader, const struct file *file, struct err *err)
{
    reader->back_end = file_back_end(file, err);
    if (reader->back_end == NULL)
        return false;
    reader->object = file->object;
    reader->account = file->account;
    reader->object.key = arena_strdup(&x->arena, file->object.key);
    reader->object.upload = "";
    file_reader_seek(reader, 0, reader->object.size);
    return reader->object.key != NULL || err_memory(err);
}

bool file_reader_new(struct exchange *x, const struct file *file, struct file_reader **readerp, struct err *err)
{
    struct file_reader *reader = arena_zalloc(&x->arena, sizeof *reader);

    *readerp = NULL;
    if (reader == NULL)
        return err_memory(err);
    reader->blocks = &x->services->blocks;
    reader->store = &x->services->files.objects;
    arena_init(&reader->scratch, 2 * FILE_READER_BYTES);
    if (!arena_defer(&x->arena, release, reader))
        return err_memory(err);
    *readerp = reader;
    return file_reader_turn_to(x, reader, file, err);
}

void file_reader_rest(struct file_reader *reader, size_t unread)
{
    reader->offset -= (int64_t)unread;
    let_go(reader);
}

void file_reader_expect(struct file_reader *reader)
{
    if (reader->ahead != NULL || reader->expects || wanted(reader) == 0 || reader->back_end->expect == NULL)
        return;
    reader->back_end->expect(reader->store, &reader->object, reader->offset, wanted(reader));
    reader->expects = true;
}

/* After an error the bytes are read again by file_reader_next, which reports it. */
void file_reader_settle(struct file_reader *reader)
{
    struct err ignored = {.kind = ERR_NONE};
    size_t length;

    if (!reader->expects)
        return;
    reader->expects = false;
    if (!read_block(reader, &reader->ahead, &length, &ignored) || length < wanted(reader)) {
        block_pool_give(reader->blocks, reader->ahead);
        reader->ahead = NULL;
    }
}

bool file_reader_lost(struct exchange *x, const struct uuid *id, const struct uuid *account, struct err *err)
{
    char text[UUID_TEXT_BYTES];
    struct file file;

    switch (file_find(&x->services->files, &x->arena, id, account, &file, err)) {
    case DB_ROW:
        uuid_format(id, text);
        return err_set(err, ERR_BUG, "the storage has lost file %s, or a part of it: mayflyctl fsck tells more", text);
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "the file was removed while it was read");
    case DB_FAIL:
        break;
    }
    return false;
}

bool file_reader_next(struct exchange *x, struct file_reader *reader, const void **bytes, size_t *length,
                      struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    *bytes = NULL;
    *length = 0;
    reader->expects = false;
    if (wanted(reader) == 0)
        return true;
    if (reader->ahead != NULL) {
        block_pool_give(reader->blocks, reader->bytes);
        reader->bytes = reader->ahead;
        reader->ahead = NULL;
        *length = wanted(reader);
    } else if (!read_block(reader, &reader->bytes, length, &reason) && reason.kind != ERR_ABSENT) {
        *err = reason;
        return false;
    }
    *bytes = reader->bytes;
    if (*length < wanted(reader))
        return file_reader_lost(x, &reader->object.id, &reader->account, err);
    reader->offset += (int64_t)*length;
    return true;
}
