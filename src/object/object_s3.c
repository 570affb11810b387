#include "object/object_s3.h"

#include "db/db.h"
#include "object/s3.h"

#include <inttypes.h>
#include <string.h>

enum { MIB = 1024 * 1024 };

static bool has_place(const struct object_store *store, const struct object *object, struct err *err)
{
    if (store->s3 == NULL)
        return err_set(err, ERR_BUG, "a file is in S3, but the settings s3_... do not say where");
    return object_key_check(object->key, err);
}

/* Checks before each operation that sends a request to S3. */
static bool ready(const struct object_store *store, const struct object *object, struct err *err)
{
    return has_place(store, object, err) &&
           (!db_in_transaction(store->db) ||
            err_set(err, ERR_BUG, "S3 is asked for " OBJECT_SHOWN " within a transaction", object->key));
}

/* The block size with which the whole file, tail included, needs no more parts than S3 takes. */
static int64_t s3_block_bytes(const struct object_store *store, int64_t size)
{
    int64_t bytes = store->config->s3_part_bytes;
    int64_t longest = size >= 0 ? size : store->config->file_max_bytes;
    int64_t least = longest / (S3_PARTS_MAX - 1) + 1;

    return least <= bytes ? bytes : (least + MIB - 1) / MIB * MIB;
}

static bool s3_begin(struct object_store *store, struct arena *arena, const struct object *object, const char *type,
                     const char **upload, struct err *err)
{
    *upload = NULL;
    return ready(store, object, err) && s3_upload_begin(store->s3, arena, object->key, type, upload, err);
}

static bool s3_put_block(struct object_store *store, struct arena *arena, const struct object *object, int64_t number,
                         const void *bytes, size_t length, const char **tag, struct err *err)
{
    *tag = NULL;
    if (!ready(store, object, err))
        return false;
    if (object->upload[0] == '\0' || (int64_t)length != object->block_bytes)
        return err_set(err, ERR_BUG, "block %" PRId64 " has %zu bytes, %s", number, length,
                       object->upload[0] == '\0' ? "and nothing was begun" : "which is no full block");
    return s3_upload_part(store->s3, arena, object->key, object->upload, number + 1, bytes, length, tag, err);
}

/* If the storage can't abort an upload, a rule of the bucket removes its parts (doc/object-storage.md). */
static bool abandon(struct object_store *store, struct arena *arena, const struct object *object, const char *upload,
                    struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    if (upload[0] == '\0' || s3_upload_abort(store->s3, arena, object->key, upload, &reason) ||
        reason.kind == ERR_METHOD)
        return true;
    *err = reason;
    return false;
}

/* Whether the object exists with the expected length: an earlier attempt may have made it whole. */
static bool is_whole(struct object_store *store, struct arena *arena, const struct object *object, int64_t size,
                     struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    int64_t found;

    if (!s3_head(store->s3, arena, object->key, &found, &reason)) {
        if (reason.kind == ERR_ABSENT)
            return err_set(err, ERR_ABSENT, "S3 has neither the upload of " OBJECT_SHOWN " any more nor the object",
                           object->key);
        *err = reason;
        return false;
    }
    return found == size || err_set(err, ERR_BUG, "the object has %" PRId64 " bytes instead of %" PRId64, found, size);
}

/* Completes the upload, with the tail as the last part. */
static bool finish_upload(struct object_store *store, struct arena *arena, const struct object *object,
                          const struct object_block *blocks, size_t count, const void *tail, size_t tail_length,
                          struct err *err)
{
    struct s3_part *parts = arena_alloc(arena, (count + 1) * sizeof *parts);
    size_t part_count = count;

    if (parts == NULL)
        return err_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].number != (int64_t)i)
            return err_set(err, ERR_BUG, "block %" PRId64 " is given as block %zu", blocks[i].number, i);
        parts[i] = (struct s3_part){.number = (int64_t)i + 1, .tag = blocks[i].tag};
    }
    if (tail_length > 0) {
        struct s3_part *last = &parts[part_count++];

        last->number = (int64_t)count + 1;
        if (!s3_upload_part(store->s3, arena, object->key, object->upload, last->number, tail, tail_length, &last->tag,
                            err))
            return false;
    }
    return s3_upload_complete(store->s3, arena, object->key, object->upload, parts, part_count, err);
}

static bool s3_finish(struct object_store *store, struct arena *arena, const struct object *object, const char *type,
                      const struct object_block *blocks, size_t count, const void *tail, size_t tail_length,
                      struct err *err)
{
    struct err reason = {.kind = ERR_NONE}, other = {.kind = ERR_NONE};
    int64_t given = (int64_t)count * object->block_bytes + (int64_t)tail_length;
    int64_t size = object->size >= 0 ? object->size : given;

    if (!ready(store, object, err))
        return false;
    /* Without a tail the last block may be shorter, so only S3 knows the length. */
    if (given != size && (count == 0 || tail_length > 0))
        return err_set(err, ERR_BUG, "%" PRId64 " bytes are given for an object of %" PRId64, given, size);
    if (count == 0)
        return s3_put(store->s3, arena, object->key, type, tail, tail_length, err) &&
               abandon(store, arena, object, object->upload, err);
    /* A missing upload was completed or removed. After any other error the completion may have been carried out too. */
    (void)!finish_upload(store, arena, object, blocks, count, tail, tail_length, &reason);
    if (is_whole(store, arena, object, size, &other))
        return true;
    *err = reason.kind == ERR_NONE || reason.kind == ERR_ABSENT ? other : reason;
    return false;
}

static bool s3_read(struct object_store *store, struct arena *arena, const struct object *object, int64_t offset,
                    void *bytes, size_t size, size_t *length, struct err *err)
{
    *length = 0;
    return ready(store, object, err) &&
           s3_get(store->s3, arena, object->key, offset, object->size, bytes, size, length, err);
}

static bool s3_size(struct object_store *store, struct arena *arena, const struct object *object, int64_t *size,
                    struct err *err)
{
    *size = -1;
    return ready(store, object, err) && s3_head(store->s3, arena, object->key, size, err);
}

/* Lists unfinished uploads with a prefix; none if the storage can't list them. */
static bool known_uploads(struct object_store *store, struct arena *arena, const char *prefix, const char *after,
                          size_t most, struct s3_page *uploads, bool *untold, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    *untold = false;
    if (s3_uploads(store->s3, arena, prefix, after, most, uploads, &reason))
        return true;
    *uploads = (struct s3_page){.count = 0};
    *untold = reason.kind == ERR_METHOD;
    if (*untold)
        return true;
    *err = reason;
    return false;
}

/* Removes all uploads with the key, including those whose id was lost between begin and its commit. */
static bool s3_tidy(struct object_store *store, struct arena *arena, const struct object *object, struct err *err)
{
    /* Only crashes within begin leave more than one upload. The sweeper removes the rest the next time. */
    enum { UPLOADS_AT_ONCE = 16 };
    struct s3_page uploads;
    bool untold;

    if (!ready(store, object, err) ||
        !known_uploads(store, arena, object->key, "", UPLOADS_AT_ONCE, &uploads, &untold, err))
        return false;
    for (size_t i = 0; i < uploads.count; i++)
        if (strcmp(uploads.items[i].key, object->key) == 0 &&
            !abandon(store, arena, object, uploads.items[i].upload, err))
            return false;
    return true;
}

/* Removes uploads before the object, since an upload that is completed meanwhile becomes the object. */
static bool s3_remove(struct object_store *store, struct arena *arena, const struct object *object, struct err *err)
{
    return ready(store, object, err) && abandon(store, arena, object, object->upload, err) &&
           s3_tidy(store, arena, object, err) && s3_delete(store->s3, arena, object->key, err);
}

/* The length that may be put, of the object or of one of its parts; -1: not known. */
static int64_t length_to_put(const struct object *object, int64_t part)
{
    int64_t rest = object->size - (part - 1) * object->block_bytes;

    if (part == 0 || object->size < 0)
        return object->size;
    return rest < object->block_bytes ? rest : object->block_bytes;
}

static bool s3_sign(struct object_store *store, struct arena *arena, const struct object *object,
                    const struct object_grant *grant, const char **url, struct err *err)
{
    const struct s3_grant asked = {.method = grant->method,
                                   .seconds = grant->seconds,
                                   .type = grant->type,
                                   .disposition = grant->disposition,
                                   .length = length_to_put(object, grant->part),
                                   .upload = grant->part > 0 ? object->upload : NULL,
                                   .part = grant->part,
                                   .browser = grant->browser};

    *url = NULL;
    return has_place(store, object, err) && s3_presign(store->s3, arena, object->key, &asked, url, err);
}

static bool s3_blocks(struct object_store *store, struct arena *arena, const struct object *object, int64_t first,
                      size_t most, struct object_block **blocks, size_t *count, struct err *err)
{
    struct s3_part_page page;

    *blocks = NULL;
    *count = 0;
    if (!ready(store, object, err) ||
        !s3_upload_parts(store->s3, arena, object->key, object->upload, first, most, &page, err))
        return false;
    *blocks = arena_alloc(arena, (page.count + 1) * sizeof **blocks);
    if (*blocks == NULL)
        return err_memory(err);
    for (size_t i = 0; i < page.count; i++)
        (*blocks)[i] = (struct object_block){.number = page.parts[i].number - 1, .tag = page.parts[i].tag};
    *count = page.count;
    return true;
}

/* Adds the next key of the two lists, which both are in order. */
static void merge_one(const struct s3_page *objects, const struct s3_page *uploads, size_t *o, size_t *u,
                      struct object_entry *entry)
{
    const struct s3_item *object = *o < objects->count ? &objects->items[*o] : NULL;
    const struct s3_item *upload = *u < uploads->count ? &uploads->items[*u] : NULL;
    int order = object == NULL ? 1 : upload == NULL ? -1 : strcmp(object->key, upload->key);

    *entry = (struct object_entry){.key = order <= 0 ? object->key : upload->key,
                                   .time = order <= 0 ? object->time : upload->time,
                                   .size = order <= 0 ? object->size : -1,
                                   .unfinished = order >= 0};
    *o += order <= 0;
    while (*u < uploads->count && strcmp(uploads->items[*u].key, entry->key) == 0)
        ++*u;
}

/* The last key up to which a page is complete. NULL: the page is the last. */
static const char *known_to(const struct s3_page *page)
{
    return page->more && page->count > 0 ? page->items[page->count - 1].key : NULL;
}

static bool s3_list(struct object_store *store, struct arena *arena, const char *after, size_t most,
                    struct object_listing *listing, struct err *err)
{
    const struct object place = {.key = OBJECT_PREFIX};
    struct s3_page objects, uploads;
    const char *limit, *other;
    size_t o = 0, u = 0;

    *listing = (struct object_listing){.next = ""};
    if (!ready(store, &place, err) || !s3_objects(store->s3, arena, OBJECT_PREFIX, after, most, &objects, err) ||
        !known_uploads(store, arena, OBJECT_PREFIX, after, most, &uploads, &listing->objects_only, err))
        return false;
    listing->entries = arena_alloc(arena, most * sizeof listing->entries[0]);
    if (listing->entries == NULL)
        return err_memory(err);
    limit = known_to(&objects);
    other = known_to(&uploads);
    if (limit == NULL || (other != NULL && strcmp(other, limit) < 0))
        limit = other;
    while (listing->count < most && (o < objects.count || u < uploads.count)) {
        struct object_entry *entry = &listing->entries[listing->count];

        merge_one(&objects, &uploads, &o, &u, entry);
        if (limit != NULL && strcmp(entry->key, limit) > 0)
            break;
        listing->count++;
    }
    /* The limit is an entry itself, so only the last page can be empty. */
    if (listing->count > 0 && (limit != NULL || o < objects.count || u < uploads.count))
        listing->next = listing->entries[listing->count - 1].key;
    return true;
}

const struct object_ops object_s3 = {
    .name = "s3",
    .block_bytes = s3_block_bytes,
    .begin = s3_begin,
    .put_block = s3_put_block,
    .finish = s3_finish,
    .read = s3_read,
    .size = s3_size,
    .remove = s3_remove,
    .tidy = s3_tidy,
    .sign = s3_sign,
    .blocks = s3_blocks,
    .list = s3_list,
};
