#include "app/file/file_reader.h"

static void release(void *arg)
{
    struct file_reader *reader = arg;

    arena_free(&reader->scratch);
    block_pool_give(reader->blocks, reader->bytes);
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
    arena_init(&reader->scratch, 2 * FILE_READER_BYTES);
    if (!arena_defer(&x->arena, release, reader))
        return err_memory(err);
    *readerp = reader;
    return file_reader_turn_to(x, reader, file, err);
}

void file_reader_rest(struct file_reader *reader, size_t unread)
{
    reader->offset -= (int64_t)unread;
    arena_free(&reader->scratch);
    block_pool_give(reader->blocks, reader->bytes);
    reader->bytes = NULL;
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
    int64_t left = reader->end - reader->offset;
    size_t wanted = left < FILE_READER_BYTES ? (size_t)left : FILE_READER_BYTES;

    *bytes = NULL;
    *length = 0;
    if (wanted == 0)
        return true;
    if (reader->bytes == NULL && (reader->bytes = block_pool_take(reader->blocks)) == NULL)
        return err_memory(err);
    *bytes = reader->bytes;
    arena_reset(&reader->scratch);
    if (!reader->back_end->read(&x->services->files.objects, &reader->scratch, &reader->object, reader->offset,
                                reader->bytes, wanted, length, &reason) &&
        reason.kind != ERR_ABSENT) {
        *err = reason;
        return false;
    }
    if (*length < wanted)
        return file_reader_lost(x, &reader->object.id, &reader->account, err);
    reader->offset += (int64_t)*length;
    return true;
}
