/* fsck: rows without an object, or with another one. */
#include "store/fsck_pass.h"

#include "store/file_thumbnail.h"

#include <string.h>

/* Checks the row again: it may have been removed, or its bytes moved, since its page was read. */
static bool still_there(struct fsck_pass *pass, const struct uuid *id, bool *there, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(pass->fsck->store->db, &pass->scratch, sql_fsck_file(id, pass->ops->name), &row, err);

    *there = rc == DB_ROW && db_flag(&row, 0, 0);
    return rc != DB_FAIL;
}

static bool file_object_of(struct fsck_pass *pass, int file, struct object *object, struct err *err)
{
    *object = (struct object){.upload = "", .size = db_number(&pass->files, file, FSCK_COLUMN_SIZE)};
    object->block_bytes = pass->ops->block_bytes(fsck_objects(pass), object->size);
    return file_object(&pass->scratch, db_value(&pass->files, file, FSCK_COLUMN_ID),
                       db_value(&pass->files, file, FSCK_COLUMN_NAME), object, err);
}

/* Drops a thumbnail whose bytes are lost or wrong. The next request makes it again from its original. */
static bool drop_thumbnail(struct fsck_pass *pass, int file, bool *repaired, struct err *err)
{
    struct uuid id;

    *repaired = false;
    if (!pass->fsck->repair || !db_flag(&pass->files, file, FSCK_COLUMN_IS_THUMBNAIL))
        return true;
    *repaired = db_id(&pass->files, file, FSCK_COLUMN_ID, &id, err) &&
                file_thumbnail_drop(pass->fsck->store, &pass->scratch, &id, err);
    return *repaired;
}

/* Asks for the length of the object now, since the list had none or another. */
static bool check_length(struct fsck_pass *pass, int file, bool *right, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    struct object object;
    int64_t size = -1;
    bool there, repaired = false;

    arena_reset(&pass->scratch);
    *right = false;
    if (!file_object_of(pass, file, &object, err))
        return false;
    if (!pass->ops->size(fsck_objects(pass), &pass->scratch, &object, &size, &reason) && reason.kind != ERR_ABSENT) {
        *err = reason;
        return false;
    }
    *right = reason.kind == ERR_NONE && size == object.size;
    if (*right || !still_there(pass, &object.id, &there, err))
        return *right;
    if (there && !drop_thumbnail(pass, file, &repaired, err))
        return false;
    if (there && reason.kind == ERR_ABSENT)
        fsck_report(pass->fsck, FSCK_LOST, pass->ops->name, object.key, repaired,
                    "%lld bytes, as the row says, are not there", (long long)object.size);
    else if (there)
        fsck_report(pass->fsck, FSCK_LENGTH, pass->ops->name, object.key, repaired, "%lld bytes instead of %lld",
                    (long long)size, (long long)object.size);
    return true;
}

/* reason ERR_ABSENT: the object ended early. */
static bool hash_object(struct fsck_pass *pass, const struct object *object, unsigned char digest[SHA256_BYTES],
                        struct err *err)
{
    struct arena rows;
    struct sha256 hash;
    bool ok = true;

    sha256_init(&hash);
    arena_init(&rows, FSCK_ARENA_BYTES);
    for (int64_t offset = 0; ok && offset < object->size;) {
        size_t wanted = object->size - offset < FSCK_READ_BYTES ? (size_t)(object->size - offset) : FSCK_READ_BYTES,
               length;

        ok = pass->ops->read(fsck_objects(pass), &rows, object, offset, pass->buffer, wanted, &length, err);
        arena_reset(&rows);
        if (!ok)
            break;
        sha256_add(&hash, pass->buffer, length);
        offset += (int64_t)length;
        pass->fsck->bytes_read += (int64_t)length;
        fsck_progress(pass->fsck);
        if (length < wanted)
            ok = err_set(err, ERR_ABSENT, "it ends after %lld bytes", (long long)offset);
    }
    arena_free(&rows);
    sha256_end(&hash, digest);
    return ok;
}

static bool check_bytes(struct fsck_pass *pass, int file, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    unsigned char digest[SHA256_BYTES];
    const unsigned char *wanted;
    struct object object;
    size_t length;
    bool there, repaired = false;

    arena_reset(&pass->scratch);
    wanted = db_parse_bytes(&pass->scratch, db_value(&pass->files, file, FSCK_COLUMN_SHA256), &length);
    if (wanted == NULL || length != SHA256_BYTES)
        return err_set(err, ERR_BUG, "a file's SHA-256 can't be read");
    if (!file_object_of(pass, file, &object, err))
        return false;
    if (!hash_object(pass, &object, digest, &reason) && reason.kind != ERR_ABSENT) {
        *err = reason;
        return false;
    }
    if (reason.kind == ERR_NONE && memcmp(digest, wanted, SHA256_BYTES) == 0)
        return true;
    if (!still_there(pass, &object.id, &there, err))
        return false;
    if (there && !drop_thumbnail(pass, file, &repaired, err))
        return false;
    if (there)
        fsck_report(pass->fsck, FSCK_DAMAGED, pass->ops->name, object.key, repaired, "%s",
                    reason.kind == ERR_NONE ? "its SHA-256 is another than the row's" : reason.detail);
    return true;
}

/* Checks for an upload that was begun twice, the first time by a worker that died before it had noted it in the row. */
static bool check_unfinished(struct fsck_pass *pass, int file, const struct object_entry *entry, struct err *err)
{
    struct object object;
    bool repaired = false;

    if (!entry->unfinished || strncmp(entry->time, pass->grown, FSCK_TIME_LENGTH) >= 0)
        return true;
    arena_reset(&pass->scratch);
    if (pass->fsck->repair && pass->ops->tidy != NULL) {
        if (!file_object_of(pass, file, &object, err) ||
            !pass->ops->tidy(fsck_objects(pass), &pass->scratch, &object, err))
            return false;
        repaired = true;
    }
    fsck_report(pass->fsck, FSCK_UNFINISHED, pass->ops->name, entry->key, repaired,
                "an upload of a file that is whole");
    return true;
}

static bool check_thumbnail(struct fsck_pass *pass, int file, struct err *err)
{
    struct object object;
    bool repaired;

    if (!db_flag(&pass->files, file, FSCK_COLUMN_IS_LEFT_OVER))
        return true;
    arena_reset(&pass->scratch);
    if (!file_object_of(pass, file, &object, err) || !drop_thumbnail(pass, file, &repaired, err))
        return false;
    fsck_report(pass->fsck, FSCK_THUMBNAIL, pass->ops->name, object.key, repaired, "its file is gone");
    return true;
}

bool fsck_check_file(struct fsck_pass *pass, int file, const struct object_entry *entry, struct err *err)
{
    bool right = entry != NULL && entry->size == db_number(&pass->files, file, FSCK_COLUMN_SIZE);

    return (right || check_length(pass, file, &right, err)) &&
           (!right || !pass->fsck->deep || check_bytes(pass, file, err)) &&
           (entry == NULL || entry->size < 0 || check_unfinished(pass, file, entry, err)) &&
           check_thumbnail(pass, file, err);
}
