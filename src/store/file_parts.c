#include "store/file_parts.h"

enum db_rc file_parts_whole(struct file_store *store, struct arena *arena, const struct uuid *account,
                            const struct uuid *first_part, const char *concat, struct uuid *whole, struct err *err)
{
    struct db_result row;
    enum db_rc rc = db_query(store->db, arena, sql_file_parts_whole(account, first_part, concat), &row, err);

    return rc == DB_ROW && !db_id(&row, 0, 0, whole, err) ? DB_FAIL : rc;
}

static bool claim_parts(struct file_store *store, struct arena *arena, const struct uuid *account,
                        struct db_uuids parts, int64_t *bytes, struct err *err)
{
    /*
     * Each step of the joining extends the time of the new file but not that of its parts, which get twice as much for
     * that.
     */
    int64_t keep_s = store->config->upload_keep_s * 2;
    struct db_result row;

    if (!db_query_one(store->db, arena, sql_file_parts_claim(account, parts, keep_s), &row, err))
        return false;
    *bytes = db_number(&row, 0, 1);
    if (db_number(&row, 0, 0) != (int64_t)parts.count)
        return err_set(err, ERR_CONFLICT, "a part has expired or went into another file");
    if (*bytes > store->config->file_max_bytes)
        return err_set(err, ERR_LARGE, "a file may have at most %lld bytes", (long long)store->config->file_max_bytes);
    return true;
}

bool file_parts_join(struct file_store *store, struct arena *arena, const struct uuid *account,
                     const struct uuid *parts, size_t count, struct file_plan *plan, struct file *file, struct err *err)
{
    const struct db_uuids ids = {parts, count};
    struct db_result row;

    if (!claim_parts(store, arena, account, ids, &plan->size, err))
        return false;
    plan->reserve = plan->size;
    return file_create(store, arena, account, plan, file, err) &&
           db_query(store->db, arena, sql_file_parts_adopt(&file->id, ids), &row, err) != DB_FAIL;
}

bool file_parts_list(struct file_store *store, struct arena *arena, const struct uuid *whole, struct file **partsp,
                     size_t *count, struct err *err)
{
    struct db_result rows;
    struct file *parts;

    *partsp = NULL;
    *count = 0;
    if (db_query(store->db, arena, sql_file_parts(whole), &rows, err) == DB_FAIL)
        return false;
    parts = arena_alloc(arena, ((size_t)rows.rows + 1) * sizeof *parts);
    if (parts == NULL)
        return err_memory(err);
    for (int row = 0; row < rows.rows; row++)
        if (!file_read(arena, &rows, row, &parts[row], err))
            return false;
    *partsp = parts;
    *count = (size_t)rows.rows;
    return true;
}

bool file_parts_drop(struct file_store *store, struct arena *arena, const struct uuid *whole, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_file_parts_drop(whole), &row, err) != DB_FAIL;
}
