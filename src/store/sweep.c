#include "store/sweep.h"

#include "object/object_postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 24, ARENA_BYTES = 4 * 1024 * 1024 };

/* A table of rows whose bytes are to go. */
struct sweep_kind {
    enum statement claim, done, forget;
    bool has_tail; /* of an unfinished upload, which is in PostgreSQL whatever the back end */
};

static const struct sweep_kind files = {
    .claim = STATEMENT_FILE_SWEEP_CLAIM,
    .done = STATEMENT_FILE_SWEEP_DONE,
    .forget = STATEMENT_FILE_SWEEP_FORGET,
    .has_tail = true,
};

static const struct sweep_kind copies = {
    .claim = STATEMENT_FILE_COPY_SWEEP_CLAIM,
    .done = STATEMENT_FILE_COPY_SWEEP_DONE,
    .forget = STATEMENT_FILE_COPY_SWEEP_FORGET,
};

static bool remove_bytes(struct file_store *store, struct arena *arena, const struct sweep_kind *kind,
                         const char *back_end, const struct object *object, struct err *err)
{
    const struct object_ops *ops = object_ops_named(back_end);

    if (ops == NULL)
        return err_set(err, ERR_BUG, "no back end %s for " OBJECT_SHOWN, back_end, object->key);
    return ops->remove(&store->objects, arena, object, err) &&
           (!kind->has_tail || ops == &object_postgres || object_postgres.remove(&store->objects, arena, object, err));
}

/* The row after a removal: a tombstone after the first, gone after the second. */
static bool tell(struct file_store *store, struct arena *arena, const struct sweep_kind *kind, const char *id,
                 const char *back_end, const char *removals, bool *gone, struct err *err)
{
    char again[NUMBER_BYTES];
    const char *const done[] = {id, removals, again, back_end};
    const char *const forget[] = {id, back_end};
    struct db_result row;

    *gone = strcmp(removals, "0") != 0;
    snprintf(again, sizeof again, "%lld", (long long)store->config->sweep_again_s);
    /* No row: another did it meanwhile. */
    return db_query(store->db, arena, *gone ? kind->forget : kind->done, *gone ? forget : done, &row, err) != DB_FAIL;
}

static bool sweep_row(struct file_store *store, struct arena *arena, const struct sweep_kind *kind,
                      const struct db_result *rows, int row, struct sweep_result *result, struct err *err)
{
    const char *back_end = db_value(rows, row, 0), *id = db_value(rows, row, 1);
    struct object object = {.upload = db_value(rows, row, 3), .size = -1, .block_bytes = db_number(rows, row, 4)};
    struct err reason = {.kind = ERR_NONE};
    bool gone;

    if (!file_object(arena, id, db_value(rows, row, 2), &object, err))
        return false;
    if (!remove_bytes(store, arena, kind, back_end, &object, &reason)) {
        log_error(store->objects.log, LOG_WARN, "not_removed", &reason);
        if (result->reason.kind == ERR_NONE)
            result->reason = reason;
        return true;
    }
    file_point(store, "sweep-removed");
    if (!tell(store, arena, kind, id, back_end, db_value(rows, row, 5), &gone, err))
        return false;
    file_point(store, "sweep-told");
    result->removed++;
    result->gone += gone;
    return true;
}

static bool sweep_kind(struct file_store *store, struct arena *arena, const struct sweep_kind *kind, int most,
                       struct sweep_result *result, struct err *err)
{
    char claim[NUMBER_BYTES], limit[NUMBER_BYTES];
    const char *const values[] = {claim, limit};
    struct db_result rows;
    struct arena scratch; /* of one row */
    bool ok = true;

    snprintf(claim, sizeof claim, "%d", SWEEP_CLAIM_S);
    snprintf(limit, sizeof limit, "%d", most);
    if (db_query(store->db, arena, kind->claim, values, &rows, err) == DB_FAIL)
        return false;
    if (rows.rows > 0)
        file_point(store, "sweep-claimed");
    result->taken += rows.rows;
    arena_init(&scratch, ARENA_BYTES);
    for (int row = 0; ok && row < rows.rows; row++) {
        ok = sweep_row(store, &scratch, kind, &rows, row, result, err);
        arena_reset(&scratch);
    }
    arena_free(&scratch);
    return ok;
}

static bool sweep_account(struct file_store *store, struct arena *arena, struct sweep_result *result, struct err *err)
{
    char limit[NUMBER_BYTES];
    const char *const values[] = {limit};
    struct db_result row;

    snprintf(limit, sizeof limit, "%d", SWEEP_LET_GO);
    if (db_query(store->db, arena, STATEMENT_ACCOUNT_SWEEP, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "no answer about accounts that are closing");
    result->taken += db_number(&row, 0, 0) + db_number(&row, 0, 1);
    result->accounts += db_number(&row, 0, 1);
    if (result->taken > 0)
        file_point(store, "account-swept");
    return true;
}

static bool sweep_links(struct file_store *store, struct arena *arena, struct sweep_result *result, struct err *err)
{
    char limit[NUMBER_BYTES];
    const char *const values[] = {limit};
    struct db_result rows;

    snprintf(limit, sizeof limit, "%d", SWEEP_LINKS_MAX);
    if (db_query(store->db, arena, STATEMENT_FILE_LINK_SWEEP, values, &rows, err) == DB_FAIL)
        return false;
    result->taken += rows.rows;
    result->links += rows.rows;
    return true;
}

/* Each hour one partition of the ring becomes free; whoever comes first within it empties it. */
static bool turn_outcomes(struct file_store *store, struct arena *arena, struct err *err)
{
    struct db_result row;

    return db_query(store->db, arena, STATEMENT_OUTCOMES_TURN, NULL, &row, err) != DB_FAIL;
}

bool sweep_files(struct file_store *store, int rows, struct sweep_result *result, struct err *err)
{
    int most = rows < SWEEP_ROWS_MAX ? rows : SWEEP_ROWS_MAX;
    struct arena arena;
    bool ok;

    arena_init(&arena, ARENA_BYTES);
    ok = turn_outcomes(store, &arena, err) && sweep_account(store, &arena, result, err) &&
         sweep_kind(store, &arena, &files, most, result, err) &&
         sweep_kind(store, &arena, &copies, most, result, err) && sweep_links(store, &arena, result, err);
    arena_free(&arena);
    return ok;
}
