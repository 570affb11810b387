#include "store/upload_whole.h"

#include "store/upload_internal.h"

bool upload_whole_fits(const struct file_store *store, int64_t most)
{
    const struct object_ops *back_end = object_ops_of_config(store->config);

    /* Less, not equal: an object ends with a block that is not full. */
    return back_end->in_database && most >= 0 && most < back_end->block_bytes(&store->objects, most);
}

static void fill(struct upload *upload, const struct object_ops *back_end, const struct uuid *account)
{
    const struct file_plan *plan = upload->plan;

    upload->back_end = back_end;
    upload->file = (struct file){
        .id = upload->file.object.id,
        .account = *account,
        .state = FILE_PENDING,
        .via = plan->via,
        .back_end = back_end->name,
        .object = upload->file.object,
        .name = plan->name,
        .claimed_type = plan->claimed_type,
        .type = "",
        .metadata = plan->metadata,
        .concat = "",
        .size = plan->size,
        .created_at_ms = upload->store->clock->now_ms(),
        .reserved = upload->store->config->file_max_bytes,
    };
    upload->file.object.upload = "";
    upload->file.object.size = plan->size;
    upload->file.object.block_bytes = back_end->block_bytes(&upload->store->objects, plan->size);
}

bool upload_whole_new(struct file_store *store, struct arena *arena, const struct uuid *account,
                      const struct file_plan *plan, const struct upload *before, struct upload **uploadp,
                      struct err *err)
{
    struct upload *upload;
    struct uuid id = before != NULL ? uuid_after(store->clock, &before->file.id) : uuid_new(store->clock);
    char text[UUID_TEXT_BYTES];

    *uploadp = NULL;
    if (!upload_alloc(store, arena, &upload, err))
        return false;
    uuid_format(&id, text);
    if (!file_object(arena, text, plan->object_name, &upload->file.object, err))
        return false;
    upload->plan = plan;
    fill(upload, object_ops_of_config(store->config), account);
    sha256_init(&upload->hash);
    /* Room for one byte at least, so that the block of an empty file is not NULL. */
    if (!upload_make_room(upload, 1, err))
        return false;
    *uploadp = upload;
    return true;
}

bool upload_whole_commit(struct upload *upload, struct arena *arena, const char *type, struct err *err)
{
    const struct file_plan *plan = upload->plan;
    const struct config *config = upload->store->config;
    const struct file *file = &upload->file;

    (void)arena;
    return db_queue(upload->store->db,
                    sql_file_put(&file->id, &file->account, plan->via, upload->back_end->name, plan->object_name,
                                 file->object.block_bytes, plan->name, plan->claimed_type, file->received,
                                 DB_ARRAY(file->sha256), type, config->files_max_bytes, config->files_max_count,
                                 file->created_at_ms),
                    err);
}

bool upload_whole_flush(struct upload *upload, struct arena *arena, struct err *err)
{
    struct file_usage ignored;

    return file_usage(upload->store, arena, &upload->file.account, &ignored, err);
}

void upload_whole_explain(struct file_store *store, struct arena *arena, const struct uuid *account, int64_t bytes,
                          int64_t files, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    struct file_usage usage;

    if (err->kind != ERR_VALUE || !err->is_internal || !file_usage(store, arena, account, &usage, &reason) ||
        (usage.bytes + bytes <= store->config->files_max_bytes &&
         usage.files + files <= store->config->files_max_count))
        return;
    err_clear(err);
    file_quota_error(store, arena, account, err);
}
