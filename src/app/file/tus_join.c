#include "app/file/tus_join.h"

#include "app/file/file_finish.h"
#include "app/file/file_reader.h"
#include "store/file_parts.h"

struct joining {
    struct upload *upload;
    struct file_reader *reader; /* of the part `at` */
    struct file *parts;
    size_t count, at;
};

static bool go_on(struct exchange *x, struct joining *joining, bool *done, struct err *err)
{
    const void *bytes;
    size_t length;

    if (!file_reader_next(x, joining->reader, &bytes, &length, err))
        return false;
    if (length > 0)
        return upload_add(joining->upload, bytes, length, err);
    if (++joining->at < joining->count)
        return file_reader_turn_to(x, joining->reader, &joining->parts[joining->at], err);
    if (!file_finish(x, joining->upload, NULL, err))
        return false;
    *done = x->stream == joining; /* not while its type is being found */
    return true;
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    struct joining *joining = x->stream;

    if (go_on(x, joining, done, err))
        return true;
    upload_leave(joining->upload); /* a repeated request need not wait for the end of the lease */
    return false;
}

static void quit(struct exchange *x)
{
    const struct joining *joining = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* the lease then expires */

    (void)!upload_keep(joining->upload, &ignored);
}

static const struct job job = {.step = step, .quit = quit};

/* Opens the parts, and places the reader behind the bytes that the file has. */
static bool open_parts(struct exchange *x, struct joining *joining, struct err *err)
{
    const struct file *file = &joining->upload->file;
    int64_t offset = file->received, size = 0;

    if (!file_parts_list(&x->services->files, &x->arena, &file->id, &joining->parts, &joining->count, err))
        return false;
    for (size_t i = 0; i < joining->count; i++)
        size += joining->parts[i].received;
    if (joining->count == 0 || size != file->size)
        return err_set(err, ERR_ABSENT, "the parts of this upload have expired");
    while (offset > joining->parts[joining->at].received)
        offset -= joining->parts[joining->at++].received;
    if (!file_reader_new(x, &joining->parts[joining->at], &joining->reader, err))
        return false;
    file_reader_seek(joining->reader, offset, joining->reader->object.size - offset);
    return true;
}

bool tus_join(struct exchange *x, struct upload *upload, struct err *err)
{
    struct joining *joining = arena_zalloc(&x->arena, sizeof *joining);

    if (joining == NULL)
        return err_memory(err);
    if (upload->file.sealed)
        return file_finish(x, upload, NULL, err);
    joining->upload = upload;
    if (!open_parts(x, joining, err)) {
        upload_leave(upload);
        return false;
    }
    x->stream = joining;
    x->job = &job;
    return true;
}
