/* mayflyctl fsck and files: what is stored where, and whether rows and bytes agree. */
#include "base/json_text.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "store/file_summary.h"
#include "store/fsck.h"
#include "store/move.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { JSON_BYTES = 8192, PROGRESS_US = 200000, MIB = 1024 * 1024 };

/* Whether to print the line of progress again: only to a terminal, and not too often. */
static bool progress_due(struct ctl *ctl, int64_t *last_us)
{
    int64_t now = ctl->services.clock->monotonic_us();

    if (isatty(STDERR_FILENO) == 0 || now - *last_us < PROGRESS_US)
        return false;
    *last_us = now;
    return true;
}

/* --- fsck */

struct checking {
    struct ctl *ctl;
    bool json;
    int64_t told_us;
};

static void print_finding(void *arg, const struct fsck_finding *finding)
{
    const struct checking *checking = arg;
    const char *place = finding->back_end[0] != '\0' ? finding->back_end : "account";
    char key[JSON_BYTES], detail[JSON_BYTES];

    if (isatty(STDERR_FILENO) != 0)
        fputs("\r\033[K", stderr);
    json_text_quote(key, sizeof key, finding->key);
    json_text_quote(detail, sizeof detail, finding->detail);
    if (!checking->json) {
        /* A strange key may hold any bytes, also control sequences, so it is printed as JSON. */
        printf("%s %s %s: %s%s\n", finding->word, place, finding->kind == FSCK_STRANGE ? key : finding->key,
               finding->detail, finding->repaired ? " (repaired)" : "");
        return;
    }
    printf("{\"finding\":\"%s\",\"place\":\"%s\",\"key\":%s,\"detail\":%s,\"repaired\":%s}\n", finding->word, place,
           key, detail, finding->repaired ? "true" : "false");
}

static void print_check(void *arg, const struct fsck *fsck)
{
    struct checking *checking = arg;

    if (!progress_due(checking->ctl, &checking->told_us))
        return;
    fprintf(stderr, "\r%" PRId64 " files, %" PRId64 " objects, %" PRId64 " accounts", fsck->files, fsck->objects,
            fsck->accounts);
    if (fsck->deep)
        fprintf(stderr, ", %" PRId64 " MiB read", fsck->bytes_read / MIB);
}

bool files_fsck(struct ctl *ctl, struct err *err)
{
    struct checking checking = {.ctl = ctl, .json = ctl->options[OPTION_JSON] != NULL};
    struct fsck fsck = {.store = &ctl->services.files,
                        .deep = ctl->options[OPTION_DEEP] != NULL,
                        .repair = ctl->options[OPTION_REPAIR] != NULL,
                        .found = print_finding,
                        .progress = print_check,
                        .arg = &checking};

    if (!fsck_run(&fsck, err))
        return false;
    if (isatty(STDERR_FILENO) != 0)
        fputs("\r\033[K", stderr);
    fprintf(stderr,
            "%" PRId64 " files, %" PRId64 " objects, %" PRId64 " accounts looked at; %" PRId64 " findings, %" PRId64
            " of them repaired\n",
            fsck.files, fsck.objects, fsck.accounts, fsck.findings, fsck.findings - fsck.unrepaired);
    if (fsck.unlisted != NULL)
        fprintf(stderr, "%s does not list what it has: objects without a file were not looked for\n", fsck.unlisted);
    if (fsck.objects_only != NULL)
        fprintf(stderr, "%s does not list unfinished uploads: those without a file were not looked for\n",
                fsck.objects_only);
    if (fsck.unrepaired > 0)
        ctl->status = CTL_FOUND;
    return true;
}

/* --- files list, files show */

static const struct table_column file_columns[] = {{"ID", true},       {"KIND", true}, {"SIZE", true},
                                                   {"BACK END", true}, {"MADE", true}, {"NAME", false}};

enum {
    FILE_COLUMNS = sizeof file_columns / sizeof file_columns[0],
    FILES_AT_ONCE = 200,
};

static void print_files_json(const struct db_result *rows, bool first)
{
    for (int row = 0; row < rows->rows; row++)
        printf("%s%s", first && row == 0 ? "" : ",\n", db_value(rows, row, OVERVIEW_JSON));
}

static bool print_files(struct table *table, const struct db_result *rows, struct err *err)
{
    for (int row = 0; row < rows->rows; row++) {
        const char *cells[FILE_COLUMNS];

        for (int cell = 0; cell < FILE_COLUMNS; cell++)
            cells[cell] = db_value(rows, row, cell);
        if (!table_add(table, cells, err))
            return false;
    }
    table_print(table);
    return true;
}

bool files_list(struct ctl *ctl, struct err *err)
{
    bool json = ctl->options[OPTION_JSON] != NULL, first = true;
    struct db *db = ctl->services.sessions.db;
    struct uuid last;
    const struct uuid *before = NULL;
    struct db_result rows = {.rows = FILES_AT_ONCE};
    struct account_summary account;
    struct table table;

    if (!ctl_account(ctl, ctl->arguments[0], &account, err))
        return false;
    table_init(&table, &ctl->arena, file_columns, FILE_COLUMNS);
    if (json)
        fputs("[", stdout);
    for (; rows.rows == FILES_AT_ONCE; first = false) {
        arena_reset(&ctl->arena);
        if (!file_summary_list(db, &ctl->arena, &account.id, before, FILES_AT_ONCE, &rows, err))
            return false;
        if (json)
            print_files_json(&rows, first);
        else if (!print_files(&table, &rows, err))
            return false;
        if (rows.rows > 0 && !db_id(&rows, rows.rows - 1, OVERVIEW_ID, &last, err))
            return false;
        before = &last;
    }
    if (json)
        puts("]");
    return true;
}

static bool read_file_id(const char *text, struct uuid *id, struct err *err)
{
    return uuid_parse(text, id) ||
           ctl_usage(err, "%.60s: not a file's id; mayflyctl files list NAME shows those of an account", text);
}

bool files_show(struct ctl *ctl, struct err *err)
{
    struct db_result rows;
    struct uuid id;

    if (!read_file_id(ctl->arguments[0], &id, err))
        return false;
    if (file_summary_show(ctl->services.sessions.db, &ctl->arena, &id, &rows, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "there is no such file");
    if (ctl->options[OPTION_JSON] != NULL) {
        puts(db_value(&rows, 0, SHOWN_JSON));
        return true;
    }
    for (int row = 0; row < rows.rows; row++)
        if (db_value(&rows, row, SHOWN_VALUE)[0] != '\0')
            printf("%-13s %s\n", db_value(&rows, row, SHOWN_NAME), db_value(&rows, row, SHOWN_VALUE));
    return true;
}

/* --- files move */

struct watching {
    struct ctl *ctl;
    int64_t told_us;
};

static void print_move(void *arg, const struct move *move)
{
    struct watching *watching = arg;

    if (progress_due(watching->ctl, &watching->told_us))
        fprintf(stderr, "\r%" PRId64 " files, %" PRId64 " MiB ", move->moved, move->moved_bytes / MIB);
}

static void print_left(void *arg, const char *id, const struct err *reason)
{
    (void)arg;
    fprintf(stderr, "%s stays: %s\n", id, reason->detail);
}

static bool read_target(struct ctl *ctl, struct move *move, struct err *err)
{
    const char *name = ctl->options[OPTION_TO];

    if (name == NULL)
        return ctl_usage(err, "say where to: --to postgres or --to s3");
    move->to = object_ops_named(name);
    if (move->to == NULL)
        return ctl_usage(err, "%.60s: no such back end; there are postgres and s3", name);
    return object_reachable(&ctl->services.files.objects, move->to) ||
           err_set(err, ERR_INPUT, "the settings do not say where %s is: see s3_bucket in mayfly.conf(5)", name);
}

bool files_move(struct ctl *ctl, struct err *err)
{
    struct watching watching = {.ctl = ctl};
    struct move move = {.store = &ctl->services.files, .progress = print_move, .left = print_left, .arg = &watching};
    struct account_summary account;
    struct uuid file;
    bool done;

    if (!read_target(ctl, &move, err))
        return false;
    if (ctl->arguments[0] != NULL) {
        if (!read_file_id(ctl->arguments[0], &file, err))
            return false;
        move.file = &file;
    }
    if (ctl->options[OPTION_ACCOUNT] != NULL) {
        if (!ctl_account(ctl, ctl->options[OPTION_ACCOUNT], &account, err))
            return false;
        move.account = &account.id;
    }
    done = move_run(&move, err);
    if (isatty(STDERR_FILENO) != 0)
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%" PRId64 " files with %" PRId64 " bytes moved to %s, %" PRId64 " stay\n", move.moved,
            move.moved_bytes, move.to->name, move.stayed);
    if (move.stayed > 0)
        ctl->status = CTL_FOUND;
    return done;
}
