#include "store/upload_whole.h"

#include <stdio.h>

enum { NUMBER_BYTES = 24 };

bool upload_whole_fits(const struct file_store *store, int64_t most)
{
    const struct object_ops *back_end = object_ops_of_config(store->config);

    /* An object ends with a block that is not full. */
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
        .reserved = upload->store->config->file_max_bytes,
    };
    upload->file.object.upload = "";
    upload->file.object.size = plan->size;
    upload->file.object.block_bytes = back_end->block_bytes(&upload->store->objects, plan->size);
}

bool upload_whole_new(struct file_store *store, struct arena *arena, const struct uuid *account,
                      const struct file_plan *plan, struct upload **uploadp, struct err *err)
{
    struct upload *upload;
    struct uuid id = uuid_new(store->clock);
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
    /* Also for a file of no bytes, which are none but there. */
    if (!upload_make_room(upload, 1, err))
        return false;
    *uploadp = upload;
    return true;
}

bool upload_whole_commit(struct upload *upload, struct arena *arena, const char *type, struct err *err)
{
    const struct file_plan *plan = upload->plan;
    const struct file_store *store = upload->store;
    char id[UUID_TEXT_BYTES], account[UUID_TEXT_BYTES], block[NUMBER_BYTES], bytes[NUMBER_BYTES],
        most_bytes[NUMBER_BYTES], most_files[NUMBER_BYTES];
    const char *sha256 = db_bytes(arena, upload->file.sha256, SHA256_BYTES);
    const char *const values[] = {id,
                                  account,
                                  plan->via,
                                  upload->back_end->name,
                                  plan->object_name,
                                  block,
                                  plan->name,
                                  plan->claimed_type,
                                  bytes,
                                  sha256,
                                  type,
                                  most_bytes,
                                  most_files};
    struct db_result row;

    if (sha256 == NULL)
        return err_memory(err);
    uuid_format(&upload->file.id, id);
    uuid_format(&upload->file.account, account);
    snprintf(block, sizeof block, "%lld", (long long)upload->file.object.block_bytes);
    snprintf(bytes, sizeof bytes, "%lld", (long long)upload->file.received);
    snprintf(most_bytes, sizeof most_bytes, "%lld", (long long)store->config->files_max_bytes);
    snprintf(most_files, sizeof most_files, "%lld", (long long)store->config->files_max_count);
    switch (db_query(store->db, arena, STATEMENT_FILE_PUT, values, &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return file_quota_error(upload->store, arena, &upload->file.account, err);
    case DB_ROW:
        break;
    }
    upload->file.created_at_ms = db_number(&row, 0, 0);
    return true;
}
