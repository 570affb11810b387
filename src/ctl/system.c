/* mayflyctl config, routes, sweep, schema: the installation as a whole. */
#include "app/routes.h"
#include "app/services.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "store/retention.h"
#include "store/schema.h"
#include "store/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

bool config_show(struct ctl *ctl, struct err *err)
{
    (void)err;
    config_print(&ctl->services.config, stdout);
    return true;
}

/* Most of the configuration was checked before this runs, the secret and the cache's nodes included. */
bool config_check(struct ctl *ctl, struct err *err)
{
    if (!services_check(&ctl->services, ctl->config_path, false, err))
        return false;
    fprintf(stderr, "%s: the configuration is good\n", ctl->config_path);
    if (ctl->services.config.cookie_domain[0] != '\0')
        fprintf(stderr,
                "mayflyctl: warning: cookie_domain will be removed; the gate logs people in at sites on any domain: "
                "set home, run mayflyctl site add for each app, and take cookie_domain out (doc/gate.md)\n");
    return true;
}

static const char *who_may(enum route_need need)
{
    switch (need) {
    case NEED_NOTHING:
        return "anybody; the session is not looked up";
    case NEED_GUEST:
        return "anybody";
    case NEED_LOGIN:
        return "signed in";
    case NEED_PAGE:
        return "signed in; browsers without a session are sent to /login";
    case NEED_KEY:
        return "a key of the site's own server";
    case NEED_REFUSED:
        break;
    }
    return "nobody";
}

/* The scope of a key that may use it beside sessions, or NULL. */
static const char *key_of(unsigned traits)
{
    return (traits & KEY_OF_GATE) != 0    ? "gate"
           : (traits & KEY_OF_DATA) != 0  ? "data"
           : (traits & KEY_OF_FILES) != 0 ? "files"
                                          : NULL;
}

bool system_routes(struct ctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {{"METHOD", true}, {"PATH", true}, {"WHO MAY", false}};
    struct table table;

    table_init(&table, &ctl->arena, columns, 3);
    for (size_t i = 0; i < routes_count; i++) {
        const char *who = who_may(routes[i].need), *key = key_of(routes[i].traits);

        if (key != NULL && (who = arena_printf(&ctl->arena, "%s; a key of scope %s", who, key)) == NULL)
            return err_memory(err);
        if (!table_add(&table, (const char *[]){method_name(routes[i].method), routes[i].path, who}, err))
            return false;
    }
    table_print(&table);
    return true;
}

/* In small steps, so that no lock is held for long and a sweep that is interrupted keeps its progress. */
static bool expire_rows(struct ctl *ctl, int64_t *total, struct err *err)
{
    bool watched = isatty(STDERR_FILENO) != 0;
    int64_t removed;

    do {
        if (!retention_expire(ctl->services.sessions.db, &ctl->arena, &ctl->services.config, &removed, err))
            return false;
        arena_reset(&ctl->arena);
        *total += removed;
        if (watched)
            fprintf(stderr, "\r%" PRId64 " rows removed ", *total);
    } while (removed >= EXPIRE_BATCH);
    if (watched)
        fputs("\r", stderr);
    return true;
}

static bool keep_partitions(struct ctl *ctl, int64_t *total, struct err *err)
{
    int64_t changed;

    do {
        if (!retention_partitions(ctl->services.sessions.db, &ctl->arena, &changed, err))
            return false;
        arena_reset(&ctl->arena);
        *total += changed;
    } while (changed > 0);
    return true;
}

/* A claim puts each row off for a while, so this ends even while a back end is not reachable. */
static bool sweep_objects(struct ctl *ctl, struct sweep_result *total, struct err *err)
{
    bool watched = isatty(STDERR_FILENO) != 0;
    int64_t before;

    do {
        before = total->taken;
        if (!sweep_files(&ctl->services.files, SWEEP_ROWS_MAX, total, err))
            return false;
        if (watched)
            fprintf(stderr, "\r%" PRId64 " files removed ", total->removed);
    } while (total->taken > before);
    if (watched)
        fputs("\r", stderr);
    if (total->reason.kind == ERR_NONE)
        return true;
    *err = total->reason;
    return false;
}

/* Partitions first: without them no log-in succeeds. */
bool system_sweep(struct ctl *ctl, struct err *err)
{
    int64_t partitions = 0, rows = 0;
    struct sweep_result files = {.taken = 0};
    bool done =
        keep_partitions(ctl, &partitions, err) && expire_rows(ctl, &rows, err) && sweep_objects(ctl, &files, err);

    if (done || files.taken > 0)
        fprintf(stderr,
                "%" PRId64 " rows removed, %" PRId64 " partitions made or dropped, %" PRId64
                " files' bytes removed, %" PRId64 " of them for the second time, %" PRId64 " links, %" PRId64
                " accounts, %" PRId64 " sessions of apps\n",
                rows, partitions, files.removed, files.gone, files.links, files.accounts, files.app_documents);
    return done;
}

static bool print_changes(struct ctl *ctl, const struct db_result *changes, struct err *err)
{
    static const struct table_column columns[] = {{"NUMBER", true}, {"APPLIED", true}, {"NAME", false}};
    struct table table;

    table_init(&table, &ctl->arena, columns, 3);
    for (int row = 0; row < changes->rows; row++)
        if (!table_add(&table,
                       (const char *[]){db_value(changes, row, SCHEMA_CHANGE_NUMBER),
                                        db_value(changes, row, SCHEMA_CHANGE_APPLIED),
                                        db_value(changes, row, SCHEMA_CHANGE_NAME)},
                       err))
            return false;
    table_print(&table);
    return true;
}

bool schema_status(struct ctl *ctl, struct err *err)
{
    struct schema schema;

    if (!schema_read(ctl->services.sessions.db, &ctl->arena, &schema, err))
        return false;
    if (schema.changes.rows > 0 && !print_changes(ctl, &schema.changes, err))
        return false;
    if (!schema_reaches(&schema, err)) {
        ctl->failure_status = CTL_FOUND;
        return false;
    }
    if (schema.number > SCHEMA_NUMBER)
        fprintf(stderr, "the schema of %s is at %" PRId64 ", newer than the %d of this build, and serves it too\n",
                schema.database, schema.number, SCHEMA_NUMBER);
    else
        fprintf(stderr, "the schema of %s is at %d, as this build needs it\n", schema.database, SCHEMA_NUMBER);
    return true;
}
