/* fsck: the usage of accounts. */
#include "store/fsck_pass.h"

#include <string.h>

enum {
    /* An account may have 100,000 files, and a page is counted by one statement. */
    ACCOUNTS_PAGE = 50,
};

static bool count_anew(struct db *db, void *arg, struct err *err)
{
    const struct uuid *account = arg;
    struct arena arena;
    struct db_result row;
    bool ok;

    arena_init(&arena, FSCK_ARENA_BYTES);
    ok = db_query(db, &arena, sql_fsck_usage_lock(account), &row, err) != DB_FAIL &&
         db_query(db, &arena, sql_fsck_usage_repair(account), &row, err) != DB_FAIL;
    arena_free(&arena);
    return ok;
}

static bool check_account(struct fsck *fsck, const struct db_result *rows, int row, struct err *err)
{
    const char *counted = db_value(rows, row, 1), *counted_files = db_value(rows, row, 2);
    const char *bytes = db_value(rows, row, 3), *files = db_value(rows, row, 4);
    struct uuid account;

    fsck->accounts++;
    if (strcmp(counted, bytes) == 0 && strcmp(counted_files, files) == 0)
        return true;
    if (fsck->repair &&
        (!db_id(rows, row, 0, &account, err) || !db_transaction(fsck->store->db, count_anew, &account, err)))
        return false;
    fsck_report(fsck, FSCK_USAGE, "", db_value(rows, row, 0), fsck->repair,
                "%s bytes in %s files are counted, %s in %s are there", counted, counted_files, bytes, files);
    return true;
}

bool fsck_check_accounts(struct fsck *fsck, struct err *err)
{
    struct uuid after = {.bytes = {0}};
    struct db_result rows = {.rows = ACCOUNTS_PAGE};
    struct arena arena;
    bool ok = true;

    arena_init(&arena, FSCK_ARENA_BYTES);
    while (ok && rows.rows == ACCOUNTS_PAGE) {
        ok = db_query(fsck->store->db, &arena, sql_fsck_usage(&after, ACCOUNTS_PAGE), &rows, err) != DB_FAIL;
        for (int row = 0; ok && row < rows.rows; row++)
            ok = db_id(&rows, row, 0, &after, err) && check_account(fsck, &rows, row, err);
        arena_reset(&arena);
        fsck_progress(fsck);
    }
    arena_free(&arena);
    return ok;
}
