#include "store/sweep.h"

#include "object/object_postgres.h"
#include "store/app_document.h"

enum { ARENA_BYTES = 4 * 1024 * 1024 };

/* A row whose bytes are to be removed, as the claim answers it. */
struct sweep_row {
    struct object object;
    const char *back_end;
    int64_t removals; /* removals before this one */
};

static struct db_call file_done(const struct sweep_row *row, int64_t again_s)
{
    return sql_file_sweep_done(&row->object.id, row->removals, again_s);
}

static struct db_call file_forget(const struct sweep_row *row)
{
    return sql_file_sweep_forget(&row->object.id);
}

static struct db_call copy_done(const struct sweep_row *row, int64_t again_s)
{
    return sql_file_copy_sweep_done(&row->object.id, row->removals, again_s, row->back_end);
}

static struct db_call copy_forget(const struct sweep_row *row)
{
    return sql_file_copy_sweep_forget(&row->object.id, row->back_end);
}

/* A table of rows whose bytes are to be removed. */
struct sweep_kind {
    struct db_call (*claim)(int64_t claim_s, int64_t most);
    /* makes the row a tombstone, after the first removal */
    struct db_call (*done)(const struct sweep_row *, int64_t again_s);
    struct db_call (*forget)(const struct sweep_row *); /* deletes the row, after the second removal */
    bool has_tail; /* an unfinished upload has a tail in PostgreSQL, whatever its back end */
};

static const struct sweep_kind files = {
    .claim = sql_file_sweep_claim, .done = file_done, .forget = file_forget, .has_tail = true};

static const struct sweep_kind copies = {.claim = sql_file_copy_sweep_claim, .done = copy_done, .forget = copy_forget};

static bool remove_bytes(struct file_store *store, struct arena *arena, const struct sweep_kind *kind,
                         const struct sweep_row *row, struct err *err)
{
    const struct object_ops *ops = object_ops_named(row->back_end);

    if (ops == NULL)
        return err_set(err, ERR_BUG, "no back end %s for " OBJECT_SHOWN, row->back_end, row->object.key);
    return ops->remove(&store->objects, arena, &row->object, err) &&
           (!kind->has_tail || ops == &object_postgres ||
            object_postgres.remove(&store->objects, arena, &row->object, err));
}

static bool read_row(struct arena *arena, const struct db_result *rows, int row, struct sweep_row *taken,
                     struct err *err)
{
    *taken = (struct sweep_row){
        .object = {.upload = db_value(rows, row, 3), .size = -1, .block_bytes = db_number(rows, row, 4)},
        .back_end = db_value(rows, row, 0),
        .removals = db_number(rows, row, 5),
    };
    return file_object(arena, db_value(rows, row, 1), db_value(rows, row, 2), &taken->object, err);
}

static bool sweep_row(struct file_store *store, struct arena *arena, const struct sweep_kind *kind,
                      const struct sweep_row *row, struct sweep_result *result, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    bool gone = row->removals > 0;
    struct db_result told;

    if (!remove_bytes(store, arena, kind, row, &reason)) {
        log_error(store->objects.log, LOG_WARN, "not_removed", &reason);
        if (result->reason.kind == ERR_NONE)
            result->reason = reason;
        return true;
    }
    file_point(store, "sweep-removed");
    /* No row: another sweeper has claimed it meanwhile. */
    if (db_query(store->db, arena, gone ? kind->forget(row) : kind->done(row, store->config->sweep_again_s), &told,
                 err) == DB_FAIL)
        return false;
    file_point(store, "sweep-told");
    result->removed++;
    result->gone += gone;
    return true;
}

static bool sweep_kind(struct file_store *store, struct arena *arena, const struct sweep_kind *kind, int most,
                       struct sweep_result *result, struct err *err)
{
    struct db_result rows;
    struct arena scratch; /* of one row */
    bool ok = true;

    if (db_query(store->db, arena, kind->claim(SWEEP_CLAIM_S, most), &rows, err) == DB_FAIL)
        return false;
    if (rows.rows > 0)
        file_point(store, "sweep-claimed");
    result->taken += rows.rows;
    arena_init(&scratch, ARENA_BYTES);
    for (int row = 0; ok && row < rows.rows; row++) {
        struct sweep_row taken;

        ok = read_row(&scratch, &rows, row, &taken, err) && sweep_row(store, &scratch, kind, &taken, result, err);
        arena_reset(&scratch);
    }
    arena_free(&scratch);
    return ok;
}

static bool sweep_account(struct file_store *store, struct arena *arena, struct sweep_result *result, struct err *err)
{
    struct db_result row;

    if (!db_query_one(store->db, arena, sql_account_remove(SWEEP_ACCOUNT_FILES_MAX), &row, err))
        return false;
    result->taken += db_number(&row, 0, 0) + db_number(&row, 0, 1);
    result->accounts += db_number(&row, 0, 1);
    if (result->taken > 0)
        file_point(store, "account-swept");
    return true;
}

static bool sweep_links(struct file_store *store, struct arena *arena, struct sweep_result *result, struct err *err)
{
    struct db_result rows;

    if (db_query(store->db, arena, sql_file_link_expire(SWEEP_LINKS_MAX), &rows, err) == DB_FAIL)
        return false;
    result->taken += rows.rows;
    result->links += rows.rows;
    return true;
}

static bool sweep_app_documents(struct file_store *store, struct arena *arena, struct sweep_result *result,
                                struct err *err)
{
    int removed;

    if (!app_documents_sweep(store->db, arena, SWEEP_APP_DOCUMENTS_MAX, &removed, err))
        return false;
    result->taken += removed;
    result->app_documents += removed;
    return true;
}

/* Each hour one partition of the ring becomes free. The first sweeper of the hour empties it. */
static bool turn_outcomes(struct file_store *store, struct arena *arena, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, sql_outcomes_turn(), &row, err) != DB_FAIL;
}

bool sweep_files(struct file_store *store, int rows, struct sweep_result *result, struct err *err)
{
    int most = rows < SWEEP_ROWS_MAX ? rows : SWEEP_ROWS_MAX;
    struct arena arena;
    bool ok;

    arena_init(&arena, ARENA_BYTES);
    ok = turn_outcomes(store, &arena, err) && sweep_account(store, &arena, result, err) &&
         sweep_kind(store, &arena, &files, most, result, err) &&
         sweep_kind(store, &arena, &copies, most, result, err) && sweep_links(store, &arena, result, err) &&
         sweep_app_documents(store, &arena, result, err);
    arena_free(&arena);
    return ok;
}
