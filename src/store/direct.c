#include "store/direct.h"

#include <stdlib.h>

enum { READ_BYTES = 1024 * 1024, LIST_PAGE = 1000 };

bool direct_possible(const struct config *config)
{
    const struct object_ops *back_end = object_ops_of_config(config);

    return back_end->sign != NULL && back_end->blocks != NULL;
}

int64_t direct_parts(const struct file *file)
{
    return (file->size + file->object.block_bytes - 1) / file->object.block_bytes;
}

/* All parts in order; what the storage has is the truth, not what a client says. */
static bool list_parts(struct upload *upload, struct object_block *parts, int64_t count, struct err *err)
{
    int64_t known = 0;

    while (known < count) {
        struct object_block *page;
        size_t length;

        if (!upload->back_end->blocks(&upload->store->objects, &upload->scratch, &upload->file.object, known, LIST_PAGE,
                                      &page, &length, err))
            return false;
        for (size_t i = 0; i < length && known < count && page[i].number == known; i++)
            parts[known++] = page[i];
        if (length < LIST_PAGE)
            break;
    }
    return known == count || err_field(err, ERR_CONFLICT, "parts", "part %lld is not there yet", (long long)known + 1);
}

/* There is no such upload: an earlier attempt has made the object of it, or it was removed from outside. */
static bool is_sealed(struct upload *upload, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    int64_t size;

    if (!upload->back_end->size(&upload->store->objects, &upload->scratch, &upload->file.object, &size, &reason)) {
        if (reason.kind == ERR_ABSENT)
            return err_set(err, ERR_CONFLICT, "the storage knows nothing of this upload any more; begin another");
        *err = reason;
        return false;
    }
    return size == upload->file.size || err_set(err, ERR_BUG, "%s has %lld bytes instead of %lld",
                                                upload->file.object.key, (long long)size, (long long)upload->file.size);
}

static bool make_whole(struct upload *upload, struct err *err)
{
    int64_t count = direct_parts(&upload->file);
    struct err reason = {.kind = ERR_NONE};
    struct object_block *parts = arena_alloc(&upload->scratch, (size_t)count * sizeof *parts);

    if (parts == NULL)
        return err_memory(err);
    if (list_parts(upload, parts, count, &reason))
        return upload->back_end->finish(&upload->store->objects, &upload->scratch, &upload->file.object,
                                        "application/octet-stream", parts, (size_t)count, NULL, 0, err);
    if (reason.kind == ERR_ABSENT)
        return is_sealed(upload, err);
    *err = reason;
    return false;
}

/* The row knows with the first stretch that is checked. */
bool direct_seal(struct upload *upload, struct err *err)
{
    if (upload->file.sealed)
        return true;
    if (upload->file.object.upload[0] == '\0')
        return err_field(err, ERR_CONFLICT, "parts", "no URL was asked for yet");
    arena_reset(&upload->scratch);
    upload->file.sealed = make_whole(upload, err);
    return upload->file.sealed;
}

static bool read_on(struct upload *upload, unsigned char *bytes, int64_t ms, struct err *err)
{
    const struct clock *clock = upload->store->clock;
    int64_t end_us = clock->monotonic_us() + ms * 1000;
    struct file *file = &upload->file;

    while (file->received < file->size) {
        int64_t left = file->size - file->received;
        size_t wanted = left < READ_BYTES ? (size_t)left : READ_BYTES, length;

        arena_reset(&upload->scratch);
        if (!upload->back_end->read(&upload->store->objects, &upload->scratch, &file->object, file->received, bytes,
                                    wanted, &length, err))
            return false;
        if (length < wanted)
            return err_set(err, ERR_BUG, "%s is shorter than promised", file->object.key);
        sha256_add(&upload->hash, bytes, length);
        file->received += (int64_t)length;
        if (clock->monotonic_us() >= end_us)
            break;
    }
    arena_reset(&upload->scratch);
    return upload_advance(upload, upload->store->config->upload_lease_ms, err);
}

bool direct_check(struct upload *upload, int64_t ms, struct err *err)
{
    unsigned char *bytes = malloc(READ_BYTES);
    bool ok;

    if (bytes == NULL)
        return err_memory(err);
    ok = read_on(upload, bytes, ms, err);
    free(bytes);
    if (ok)
        upload->stored = upload->file.received;
    return ok;
}
