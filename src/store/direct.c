#include "store/direct.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    READ_BYTES = 1024 * 1024,
    LIST_PAGE = 1000,
};

bool direct_possible(const struct config *config)
{
    const struct object_ops *back_end = object_ops_of_config(config);

    return back_end->sign != NULL && back_end->blocks != NULL;
}

int64_t direct_parts(const struct file *file)
{
    return (file->size + file->object.block_bytes - 1) / file->object.block_bytes;
}

/* --- Parts that the client has reported */

bool direct_note(struct file_store *store, struct arena *arena, const struct file *file,
                 const struct direct_part *parts, size_t count, struct err *err)
{
    int64_t *numbers = arena_alloc(arena, count * sizeof *numbers);
    const char **tags = arena_alloc(arena, count * sizeof *tags);
    struct db_result row;

    if (numbers == NULL || tags == NULL)
        return err_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].number < 1 || parts[i].number > direct_parts(file))
            return err_field(err, ERR_VALUE, "parts", "parts: a part has a number from 1 to %" PRId64,
                             direct_parts(file));
        numbers[i] = parts[i].number - 1;
        tags[i] = object_tag(arena, parts[i].tag);
        if (tags[i] == NULL)
            return err_field(err, ERR_VALUE, "parts", "parts: part %" PRId64 " needs the ETag that the storage gave it",
                             parts[i].number);
    }
    return db_query(
               store->db, arena,
               sql_file_blocks_note(&file->id, (struct db_numbers){numbers, count}, (struct db_texts){tags, count}),
               &row, err) != DB_FAIL;
}

/* Gives all parts if the client has reported all; otherwise *count is less. */
static bool noted_parts(struct upload *upload, struct object_block *parts, int64_t wanted, int64_t *count,
                        struct err *err)
{
    struct db_result rows;

    *count = 0;
    if (db_query(upload->store->db, &upload->scratch, sql_file_blocks(&upload->file.id), &rows, err) == DB_FAIL)
        return false;
    while (*count < wanted && *count < rows.rows && db_number(&rows, (int)*count, 0) == *count) {
        parts[*count] = (struct object_block){.number = *count, .tag = db_value(&rows, (int)*count, 1)};
        ++*count;
    }
    return true;
}

/* --- Parts that the storage lists */

/* All parts in order. */
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

/*
 * The storage does not know the upload: an earlier attempt has made the object of it, or it was removed from outside.
 */
static bool is_sealed(struct upload *upload, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    int64_t size;

    if (!upload->back_end->size(&upload->store->objects, &upload->scratch, &upload->file.object, &size, &reason)) {
        if (reason.kind == ERR_ABSENT)
            return err_set(err, ERR_CONFLICT, "the storage does not have this upload any more; begin another");
        *err = reason;
        return false;
    }
    return size == upload->file.size || err_set(err, ERR_BUG, OBJECT_SHOWN " has %lld bytes instead of %lld",
                                                upload->file.object.key, (long long)size, (long long)upload->file.size);
}

static bool finish(struct upload *upload, const struct object_block *parts, int64_t count, struct err *err)
{
    return upload->back_end->finish(&upload->store->objects, &upload->scratch, &upload->file.object,
                                    "application/octet-stream", parts, (size_t)count, NULL, 0, err);
}

/* Turns an error of the back end's finish into the error for the client. */
static bool unfinished(struct upload *upload, const struct err *reason, struct err *err)
{
    if (reason->kind == ERR_ABSENT)
        return is_sealed(upload, err);
    if (reason->kind == ERR_CONFLICT && reason->field[0] == '\0')
        return err_field(err, ERR_CONFLICT, "parts", "a part is not there yet, or is another one than was told");
    if (reason->kind == ERR_METHOD)
        return err_field(err, ERR_CONFLICT, "parts",
                         "this storage does not tell its parts: POST /files/ID/parts with the ETag of each");
    *err = *reason;
    return false;
}

/* Uses the noted parts, which need no request to the storage. When the storage refuses them, its own list is used. */
static bool make_whole(struct upload *upload, struct err *err)
{
    int64_t count = direct_parts(&upload->file), noted;
    struct err reason = {.kind = ERR_NONE};
    struct object_block *parts = arena_alloc(&upload->scratch, (size_t)count * sizeof *parts);

    if (parts == NULL)
        return err_memory(err);
    if (!noted_parts(upload, parts, count, &noted, err))
        return false;
    if (noted == count) {
        if (finish(upload, parts, count, &reason))
            return true;
        if (reason.kind != ERR_CONFLICT)
            return unfinished(upload, &reason, err);
        err_clear(&reason);
    }
    return (list_parts(upload, parts, count, &reason) && finish(upload, parts, count, &reason)) ||
           unfinished(upload, &reason, err);
}

/* The row is marked as sealed by the first direct_check. */
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

    file->object.size = file->size; /* whatever part of it was checked before */
    while (file->received < file->size) {
        int64_t left = file->size - file->received;
        size_t wanted = left < READ_BYTES ? (size_t)left : READ_BYTES, length;
        struct err reason = {.kind = ERR_NONE};

        arena_reset(&upload->scratch);
        if (!upload->back_end->read(&upload->store->objects, &upload->scratch, &file->object, file->received, bytes,
                                    wanted, &length, &reason)) {
            if (reason.kind == ERR_ABSENT)
                return upload_give_up(upload, err);
            *err = reason;
            return false;
        }
        if (length < wanted)
            return err_set(err, ERR_BUG, OBJECT_SHOWN " is shorter than promised", file->object.key);
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
