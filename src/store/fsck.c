#include "store/fsck.h"

#include "store/fsck_pass.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DETAIL_BYTES = 256,
    FILES_PAGE = 500,
    KEY_BYTES = 1024 + 1, /* S3 may list keys that are longer than mayfly's */
};

static const char *const words[] = {
    [FSCK_LOST] = "lost",       [FSCK_LENGTH] = "length",       [FSCK_DAMAGED] = "damaged",
    [FSCK_STRANGE] = "strange", [FSCK_ORPHAN] = "orphan",       [FSCK_UNFINISHED] = "unfinished",
    [FSCK_TAIL] = "tail",       [FSCK_THUMBNAIL] = "thumbnail", [FSCK_USAGE] = "usage",
};

void fsck_report(struct fsck *fsck, enum fsck_kind kind, const char *back_end, const char *key, bool repaired,
                 const char *format, ...)
{
    char detail[DETAIL_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    fsck->findings++;
    fsck->unrepaired += !repaired;
    fsck->found(fsck->arg, &(struct fsck_finding){.kind = kind,
                                                  .word = words[kind],
                                                  .back_end = back_end,
                                                  .key = key,
                                                  .detail = detail,
                                                  .repaired = repaired});
}

void fsck_progress(struct fsck *fsck)
{
    if (fsck->progress != NULL)
        fsck->progress(fsck->arg, fsck);
}

static bool more_files(struct fsck_pass *pass, struct err *err)
{
    arena_reset(&pass->file_arena);
    pass->file = 0;
    if (db_query(pass->fsck->store->db, &pass->file_arena,
                 sql_fsck_files(pass->ops->name, &pass->files_after, FILES_PAGE), &pass->files, err) == DB_FAIL)
        return false;
    if (pass->files.rows > 0 && !db_id(&pass->files, pass->files.rows - 1, FSCK_COLUMN_ID, &pass->files_after, err))
        return false;
    pass->files_over = pass->files.rows == 0;
    fsck_progress(pass->fsck);
    return true;
}

static bool more_objects(struct fsck_pass *pass, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    char after[KEY_BYTES];

    if (pass->objects.next != NULL && pass->objects.next[0] == '\0') {
        pass->objects_over = true;
        return true;
    }
    snprintf(after, sizeof after, "%s", pass->objects.next != NULL ? pass->objects.next : "");
    arena_reset(&pass->object_arena);
    pass->object = 0;
    if (!pass->ops->list(fsck_objects(pass), &pass->object_arena, after, OBJECT_PAGE_MAX, &pass->objects, &reason)) {
        if (reason.kind != ERR_METHOD) {
            *err = reason;
            return false;
        }
        /* The object of each file is asked for instead. */
        pass->fsck->unlisted = pass->ops->name;
        pass->objects = (struct object_listing){.next = ""};
    }
    if (pass->objects.objects_only)
        pass->fsck->objects_only = pass->ops->name;
    pass->objects_over = pass->objects.count == 0;
    fsck_progress(pass->fsck);
    return true;
}

static bool refill(struct fsck_pass *pass, struct err *err)
{
    while (!pass->files_over && pass->file == pass->files.rows)
        if (!more_files(pass, err))
            return false;
    while (!pass->objects_over && pass->object == pass->objects.count)
        if (!more_objects(pass, err))
            return false;
    return true;
}

/* Less than 0: the file comes first. 0: they belong together. Greater than 0: the object comes first. */
static int order(const struct fsck_pass *pass)
{
    const struct object_entry *entry;
    char text[UUID_TEXT_BYTES];
    struct uuid id;
    const char *name;
    int order;

    if (pass->file == pass->files.rows)
        return 1;
    if (pass->object == pass->objects.count)
        return -1;
    entry = &pass->objects.entries[pass->object];
    if (!fsck_split_key(entry->key, &id, &name))
        return 1;
    uuid_format(&id, text);
    order = strcmp(db_value(&pass->files, pass->file, FSCK_COLUMN_ID), text);
    if (order == 0 && name[0] != '\0' && strcmp(db_value(&pass->files, pass->file, FSCK_COLUMN_NAME), name) != 0)
        return strcmp(db_value(&pass->files, pass->file, FSCK_COLUMN_NAME), name) < 0 ? -1 : 1;
    return order;
}

static bool walk(struct fsck_pass *pass, struct err *err)
{
    for (;;) {
        const struct object_entry *entry;
        int first;

        if (!refill(pass, err))
            return false;
        if (pass->files_over && pass->objects_over)
            return true;
        first = order(pass);
        entry = first >= 0 ? &pass->objects.entries[pass->object] : NULL;
        if (!(first > 0 ? fsck_check_object(pass, entry, err) : fsck_check_file(pass, pass->file, entry, err)))
            return false;
        if (first <= 0) {
            pass->file++;
            pass->fsck->files++;
        }
        if (first >= 0) {
            pass->object++;
            pass->fsck->objects++;
        }
    }
}

static bool begin_pass(struct fsck_pass *pass, struct err *err)
{
    const struct file_store *store = pass->fsck->store;
    struct db_result row;

    if (pass->fsck->deep && (pass->buffer = malloc(FSCK_READ_BYTES)) == NULL)
        return err_memory(err);
    if (!db_query_one(store->db, &pass->scratch, sql_fsck_now(store->config->sweep_again_s), &row, err))
        return false;
    snprintf(pass->grown, sizeof pass->grown, "%s", db_value(&row, 0, 0));
    return true;
}

static bool check_back_end(struct fsck *fsck, const struct object_ops *ops, struct err *err)
{
    struct fsck_pass pass = {.fsck = fsck, .ops = ops};
    bool ok;

    arena_init(&pass.file_arena, FSCK_ARENA_BYTES);
    arena_init(&pass.object_arena, FSCK_ARENA_BYTES);
    arena_init(&pass.scratch, FSCK_ARENA_BYTES);
    ok = begin_pass(&pass, err) && walk(&pass, err);
    free(pass.buffer);
    arena_free(&pass.scratch);
    arena_free(&pass.object_arena);
    arena_free(&pass.file_arena);
    return ok;
}

/* A back end without settings is an error only if there are files in it. */
static bool check_unreachable(struct fsck *fsck, const struct object_ops *ops, struct err *err)
{
    const struct uuid first = {.bytes = {0}};
    struct arena arena;
    struct db_result row;
    enum db_rc rc;

    arena_init(&arena, FSCK_ARENA_BYTES);
    rc = db_query(fsck->store->db, &arena, sql_fsck_files(ops->name, &first, 1), &row, err);
    arena_free(&arena);
    return rc == DB_NONE ||
           err_set(err, ERR_INPUT, "there are files in %s, but the settings do not say where", ops->name);
}

bool fsck_run(struct fsck *fsck, struct err *err)
{
    for (const struct object_ops *const *ops = object_ops_all(); *ops != NULL; ops++)
        if (!(object_reachable(&fsck->store->objects, *ops) ? check_back_end(fsck, *ops, err)
                                                            : check_unreachable(fsck, *ops, err)))
            return false;
    return fsck_check_accounts(fsck, err);
}
