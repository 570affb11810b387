#include "ctl/ctl.h"
#include "ctl/table.h"
#include "store/account.h"
#include "store/session_cache.h"

#include <stdio.h>
#include <time.h>

bool ctl_account(struct ctl *ctl, const char *login, struct account_summary *account, struct err *err)
{
    if (account_summary_find(ctl->services.sessions.db, &ctl->arena, login, account, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "%.200s: no such account; mayflyctl user list shows all", login);
    return true;
}

void ctl_tell_cache(struct ctl *ctl, enum cache_written (*tell)(struct cache *, const void *), const void *what,
                    int64_t fresh_s)
{
    struct cache *cache = ctl->services.sessions.cache;
    int64_t pause_ms = cache_hang_pause_ms(cache);
    struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
    int64_t until_us = ctl->services.clock->monotonic_us() + fresh_s * 1000000;
    enum cache_written written;

    while ((written = tell(cache, what)) == CACHE_HANGS && ctl->services.clock->monotonic_us() < until_us)
        nanosleep(&pause, NULL);
    if (written == CACHE_UNREACHABLE)
        fprintf(
            stderr,
            "mayflyctl: warning: a cache node is not reachable; what it holds may be accepted for up to %lld seconds\n",
            (long long)fresh_s);
}

static enum cache_written tell_sessions(struct cache *cache, const void *forgets)
{
    return session_cache_forget(cache, forgets);
}

bool ctl_apply(struct ctl_change *change, bool (*work)(struct db *, void *, struct err *), struct err *err)
{
    struct session_store *store = &change->ctl->services.sessions;
    bool done = db_transaction(store->db, work, change, err);

    /*
     * Also after a failure: COMMIT may have worked although its answer was lost. A copy removed too many costs one
     * read.
     */
    ctl_tell_cache(change->ctl, tell_sessions, &change->forgets, store->config->cache_fresh_s);
    return done;
}

bool ctl_found(enum db_rc rc, struct err *err)
{
    return rc == DB_ROW || (rc == DB_NONE && err_set(err, ERR_ABSENT, "the account was closed just now"));
}

bool ctl_lock_account(struct ctl_change *change, struct err *err)
{
    struct ctl *ctl = change->ctl;

    return ctl_found(account_lock(ctl->services.sessions.db, &ctl->arena, &change->account, err), err);
}

bool ctl_forget_keys(struct ctl_change *change, struct err *err)
{
    struct ctl *ctl = change->ctl;

    return session_ids_of(&ctl->services.sessions, &ctl->arena, &change->account, &change->forgets, err);
}

bool ctl_end_sessions(struct ctl_change *change, struct err *err)
{
    const struct uuid none = {.bytes = {0}};
    struct ctl *ctl = change->ctl;

    return session_end_others(&ctl->services.sessions, &ctl->arena, &change->account, &none, &change->forgets, err);
}

static void print_json(const struct db_result *rows, int column)
{
    for (int row = 0; row < rows->rows; row++)
        printf("%s%s", row == 0 ? "[" : ",\n", db_value(rows, row, column));
    puts(rows->rows == 0 ? "[]" : "]");
}

bool ctl_print_rows(struct ctl *ctl, const struct table_column *columns, int count, const struct db_result *rows,
                    struct err *err)
{
    struct table table;

    if (ctl->options[OPTION_JSON] != NULL) {
        print_json(rows, count);
        return true;
    }
    table_init(&table, &ctl->arena, columns, (size_t)count);
    for (int row = 0; row < rows->rows; row++) {
        const char *cells[TABLE_COLUMNS_MAX];

        for (int column = 0; column < count; column++)
            cells[column] = db_value(rows, row, column);
        if (!table_add(&table, cells, err))
            return false;
    }
    table_print(&table);
    return true;
}
