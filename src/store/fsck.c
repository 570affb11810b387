#include "store/fsck.h"

#include "store/file_thumbnail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_BYTES = 24,
    DETAIL_BYTES = 256,
    FILES_PAGE = 500,
    /* An account may have 100,000 files, and a page is one statement. */
    ACCOUNTS_PAGE = 50,
    READ_BYTES = 256 * 1024,
    KEY_BYTES = 1024 + 1, /* what S3 lists may be longer than keys of ours */
    ARENA_BYTES = 8 * 1024 * 1024,
    /* "2026-11-24T12:00:00", as far as all back ends agree. */
    TIME_LENGTH = 19,
};

enum { COLUMN_IS_THUMBNAIL = 4, COLUMN_IS_LEFT_OVER = 5 }; /* of fsck_files */

static const char nil_id[] = "00000000-0000-0000-0000-000000000000";

static const char *const words[] = {
    [FSCK_LOST] = "lost",       [FSCK_LENGTH] = "length",       [FSCK_DAMAGED] = "damaged",
    [FSCK_STRANGE] = "strange", [FSCK_ORPHAN] = "orphan",       [FSCK_UNFINISHED] = "unfinished",
    [FSCK_TAIL] = "tail",       [FSCK_THUMBNAIL] = "thumbnail", [FSCK_USAGE] = "usage",
};

/* One pass over a back end. */
struct pass {
    struct fsck *fsck;
    const struct object_ops *ops;
    char grown[TIME_LENGTH + 1]; /* what is older than this is not on its way any more */
    struct arena file_arena, object_arena, scratch;
    struct db_result files;
    int file; /* of the page */
    char files_after[UUID_TEXT_BYTES];
    bool files_over;
    struct object_listing objects;
    size_t object; /* of the page */
    bool objects_over;
    unsigned char *buffer; /* READ_BYTES when deep */
};

static struct object_store *objects_of(const struct pass *pass)
{
    return &pass->fsck->store->objects;
}

static void report(struct fsck *fsck, enum fsck_kind kind, const char *back_end, const char *key, bool repaired,
                   const char *format, ...) PRINTF_LIKE(6, 7);

static void report(struct fsck *fsck, enum fsck_kind kind, const char *back_end, const char *key, bool repaired,
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

static void progress(struct fsck *fsck)
{
    if (fsck->progress != NULL)
        fsck->progress(fsck->arg, fsck);
}

/* --- The two lists */

static bool more_files(struct pass *pass, struct err *err)
{
    char most[NUMBER_BYTES];
    const char *const values[] = {pass->ops->name, pass->files_after, most};

    arena_reset(&pass->file_arena);
    snprintf(most, sizeof most, "%d", FILES_PAGE);
    pass->file = 0;
    if (db_query(pass->fsck->store->db, &pass->file_arena, STATEMENT_FSCK_FILES, values, &pass->files, err) == DB_FAIL)
        return false;
    if (pass->files.rows > 0)
        snprintf(pass->files_after, sizeof pass->files_after, "%s", db_value(&pass->files, pass->files.rows - 1, 0));
    pass->files_over = pass->files.rows == 0;
    progress(pass->fsck);
    return true;
}

static bool more_objects(struct pass *pass, struct err *err)
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
    if (!pass->ops->list(objects_of(pass), &pass->object_arena, after, OBJECT_PAGE_MAX, &pass->objects, &reason)) {
        if (reason.kind != ERR_METHOD) {
            *err = reason;
            return false;
        }
        /* Each file's object is asked for then. */
        pass->fsck->unlisted = pass->ops->name;
        pass->objects = (struct object_listing){.next = ""};
    }
    if (pass->objects.objects_only)
        pass->fsck->objects_only = pass->ops->name;
    pass->objects_over = pass->objects.count == 0;
    progress(pass->fsck);
    return true;
}

static bool refill(struct pass *pass, struct err *err)
{
    while (!pass->files_over && pass->file == pass->files.rows)
        if (!more_files(pass, err))
            return false;
    while (!pass->objects_over && pass->object == pass->objects.count)
        if (!more_objects(pass, err))
            return false;
    return true;
}

/* The id in a key, as text; false for a key that is none of ours. *name is "" where the back end keeps none. */
static bool split_key(const char *key, char id[UUID_TEXT_BYTES], const char **name)
{
    const char *text = key + strlen(OBJECT_PREFIX);
    char canonical[UUID_TEXT_BYTES];
    struct uuid uuid;

    if (strncmp(key, OBJECT_PREFIX, strlen(OBJECT_PREFIX)) != 0 || strlen(text) < UUID_TEXT_BYTES - 1)
        return false;
    snprintf(id, UUID_TEXT_BYTES, "%s", text);
    if (!uuid_parse(id, &uuid))
        return false;
    uuid_format(&uuid, canonical);
    text += UUID_TEXT_BYTES - 1;
    *name = text[0] == '/' ? text + 1 : text;
    return strcmp(id, canonical) == 0 && (text[0] == '\0' || (text[0] == '/' && text[1] != '\0'));
}

/* --- Objects without a row */

static bool remove_object(struct pass *pass, const char *id, const char *key, struct err *err)
{
    struct object object = {.key = key, .upload = "", .size = -1};

    return uuid_parse(id, &object.id) && pass->ops->remove(objects_of(pass), &pass->scratch, &object, err);
}

/* What is wrong with an entry that no committed row of this back end was found for: FSCK_ORPHAN, FSCK_TAIL, or -1. */
static bool judge(struct pass *pass, const char *id, const char *name, int *kind, struct err *err)
{
    const char *const values[] = {id, pass->ops->name};
    bool named = name[0] != '\0';
    struct db_result row;
    const char *state;

    *kind = -1;
    if (db_query(pass->fsck->store->db, &pass->scratch, STATEMENT_FSCK_OBJECT, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "no answer about %s", id);
    state = db_value(&row, 0, 0);
    if (!db_is_null(&row, 0, 3) && (!named || strcmp(db_value(&row, 0, 3), name) == 0))
        return true;
    if (state[0] == '\0') {
        *kind = FSCK_ORPHAN;
    } else if (db_flag(&row, 0, 1)) {
        if (named && strcmp(db_value(&row, 0, 2), name) != 0)
            *kind = FSCK_ORPHAN;
    } else if (named || strcmp(state, "committed") == 0) {
        *kind = named ? FSCK_ORPHAN : FSCK_TAIL;
    }
    return true;
}

static bool check_object(struct pass *pass, const struct object_entry *entry, struct err *err)
{
    struct fsck *fsck = pass->fsck;
    char id[UUID_TEXT_BYTES];
    const char *name;
    bool repaired = false;
    int kind;

    if (!split_key(entry->key, id, &name)) {
        report(fsck, FSCK_STRANGE, pass->ops->name, entry->key, false, "mayfly makes no such key");
        return true;
    }
    if (strncmp(entry->time, pass->grown, TIME_LENGTH) >= 0)
        return true;
    arena_reset(&pass->scratch);
    if (!judge(pass, id, name, &kind, err))
        return false;
    if (kind < 0)
        return true;
    if (fsck->repair) {
        if (!remove_object(pass, id, entry->key, err))
            return false;
        repaired = true;
    }
    if (kind == FSCK_TAIL)
        report(fsck, FSCK_TAIL, pass->ops->name, entry->key, repaired, "its file is whole, in another back end");
    else if (entry->size < 0)
        report(fsck, FSCK_UNFINISHED, pass->ops->name, entry->key, repaired, "an upload of %s without a row",
               entry->time);
    else
        report(fsck, FSCK_ORPHAN, pass->ops->name, entry->key, repaired, "%lld bytes without a row",
               (long long)entry->size);
    return true;
}

/* --- Rows without an object, or with another one */

/* The row may have gone, or its bytes been moved, since its page was read. */
static bool still_there(struct pass *pass, const char *id, bool *there, struct err *err)
{
    const char *const values[] = {id, pass->ops->name};
    struct db_result row;
    enum db_rc rc = db_query(pass->fsck->store->db, &pass->scratch, STATEMENT_FSCK_FILE, values, &row, err);

    *there = rc == DB_ROW && db_flag(&row, 0, 0);
    return rc != DB_FAIL;
}

static bool file_object_of(struct pass *pass, int file, struct object *object, struct err *err)
{
    *object = (struct object){.upload = "", .size = db_number(&pass->files, file, 2)};
    object->block_bytes = pass->ops->block_bytes(objects_of(pass), object->size);
    return file_object(&pass->scratch, db_value(&pass->files, file, 0), db_value(&pass->files, file, 1), object, err);
}

/* A thumbnail whose bytes are lost or wrong goes: whoever asks next makes it anew, of its file. */
static bool drop_thumbnail(struct pass *pass, int file, bool *repaired, struct err *err)
{
    struct uuid id;

    *repaired = false;
    if (!pass->fsck->repair || !db_flag(&pass->files, file, COLUMN_IS_THUMBNAIL))
        return true;
    *repaired = uuid_parse(db_value(&pass->files, file, 0), &id) &&
                file_thumbnail_drop(pass->fsck->store, &pass->scratch, &id, err);
    return *repaired;
}

/* The length of the object as it is now, since the list had none or another. */
static bool check_length(struct pass *pass, int file, bool *right, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    struct object object;
    int64_t size = -1;
    bool there, repaired = false;

    arena_reset(&pass->scratch);
    *right = false;
    if (!file_object_of(pass, file, &object, err))
        return false;
    if (!pass->ops->size(objects_of(pass), &pass->scratch, &object, &size, &reason) && reason.kind != ERR_ABSENT) {
        *err = reason;
        return false;
    }
    *right = reason.kind == ERR_NONE && size == object.size;
    if (*right || !still_there(pass, db_value(&pass->files, file, 0), &there, err))
        return *right;
    if (there && !drop_thumbnail(pass, file, &repaired, err))
        return false;
    if (there && reason.kind == ERR_ABSENT)
        report(pass->fsck, FSCK_LOST, pass->ops->name, object.key, repaired,
               "%lld bytes, as the row says, are not there", (long long)object.size);
    else if (there)
        report(pass->fsck, FSCK_LENGTH, pass->ops->name, object.key, repaired, "%lld bytes instead of %lld",
               (long long)size, (long long)object.size);
    return true;
}

/* ERR_ABSENT as reason: the object ended early. */
static bool hash_object(struct pass *pass, const struct object *object, unsigned char digest[SHA256_BYTES],
                        struct err *err)
{
    struct arena rows;
    struct sha256 hash;
    bool ok = true;

    sha256_init(&hash);
    arena_init(&rows, ARENA_BYTES);
    for (int64_t offset = 0; ok && offset < object->size;) {
        size_t wanted = object->size - offset < READ_BYTES ? (size_t)(object->size - offset) : READ_BYTES, length;

        ok = pass->ops->read(objects_of(pass), &rows, object, offset, pass->buffer, wanted, &length, err);
        arena_reset(&rows);
        if (!ok)
            break;
        sha256_add(&hash, pass->buffer, length);
        offset += (int64_t)length;
        pass->fsck->bytes_read += (int64_t)length;
        progress(pass->fsck);
        if (length < wanted)
            ok = err_set(err, ERR_ABSENT, "it ends after %lld bytes", (long long)offset);
    }
    arena_free(&rows);
    sha256_end(&hash, digest);
    return ok;
}

static bool check_bytes(struct pass *pass, int file, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    unsigned char digest[SHA256_BYTES];
    const unsigned char *wanted;
    struct object object;
    size_t length;
    bool there, repaired = false;

    arena_reset(&pass->scratch);
    wanted = db_parse_bytes(&pass->scratch, db_value(&pass->files, file, 3), &length);
    if (wanted == NULL || length != SHA256_BYTES)
        return err_set(err, ERR_BUG, "a file's SHA-256 can't be read");
    if (!file_object_of(pass, file, &object, err))
        return false;
    if (!hash_object(pass, &object, digest, &reason) && reason.kind != ERR_ABSENT) {
        *err = reason;
        return false;
    }
    if (reason.kind == ERR_NONE && memcmp(digest, wanted, SHA256_BYTES) == 0)
        return true;
    if (!still_there(pass, db_value(&pass->files, file, 0), &there, err))
        return false;
    if (there && !drop_thumbnail(pass, file, &repaired, err))
        return false;
    if (there)
        report(pass->fsck, FSCK_DAMAGED, pass->ops->name, object.key, repaired, "%s",
               reason.kind == ERR_NONE ? "its SHA-256 is another than the row's" : reason.detail);
    return true;
}

/* An upload that was begun twice, the first time by a worker that died before it could say so. */
static bool check_unfinished(struct pass *pass, int file, const struct object_entry *entry, struct err *err)
{
    struct object object;
    bool repaired = false;

    if (!entry->unfinished || strncmp(entry->time, pass->grown, TIME_LENGTH) >= 0)
        return true;
    arena_reset(&pass->scratch);
    if (pass->fsck->repair && pass->ops->tidy != NULL) {
        if (!file_object_of(pass, file, &object, err) ||
            !pass->ops->tidy(objects_of(pass), &pass->scratch, &object, err))
            return false;
        repaired = true;
    }
    report(pass->fsck, FSCK_UNFINISHED, pass->ops->name, entry->key, repaired, "an upload of a file that is whole");
    return true;
}

static bool check_thumbnail(struct pass *pass, int file, struct err *err)
{
    struct object object;
    bool repaired;

    if (!db_flag(&pass->files, file, COLUMN_IS_LEFT_OVER))
        return true;
    arena_reset(&pass->scratch);
    if (!file_object_of(pass, file, &object, err) || !drop_thumbnail(pass, file, &repaired, err))
        return false;
    report(pass->fsck, FSCK_THUMBNAIL, pass->ops->name, object.key, repaired, "its file is gone");
    return true;
}

/* entry: of the list, NULL when it has none. */
static bool check_file(struct pass *pass, int file, const struct object_entry *entry, struct err *err)
{
    bool right = entry != NULL && entry->size == db_number(&pass->files, file, 2);

    return (right || check_length(pass, file, &right, err)) &&
           (!right || !pass->fsck->deep || check_bytes(pass, file, err)) &&
           (entry == NULL || entry->size < 0 || check_unfinished(pass, file, entry, err)) &&
           check_thumbnail(pass, file, err);
}

/* --- Both */

/* Less than 0: the file comes first; 0: they belong together. */
static int order(const struct pass *pass)
{
    const struct object_entry *entry;
    char id[UUID_TEXT_BYTES];
    const char *name;
    int order;

    if (pass->file == pass->files.rows)
        return 1;
    if (pass->object == pass->objects.count)
        return -1;
    entry = &pass->objects.entries[pass->object];
    if (!split_key(entry->key, id, &name))
        return 1;
    order = strcmp(db_value(&pass->files, pass->file, 0), id);
    if (order == 0 && name[0] != '\0' && strcmp(db_value(&pass->files, pass->file, 1), name) != 0)
        return strcmp(db_value(&pass->files, pass->file, 1), name) < 0 ? -1 : 1;
    return order;
}

static bool walk(struct pass *pass, struct err *err)
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
        if (!(first > 0 ? check_object(pass, entry, err) : check_file(pass, pass->file, entry, err)))
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

static bool begin_pass(struct pass *pass, struct err *err)
{
    char grace[NUMBER_BYTES];
    const char *const values[] = {grace};
    struct db_result row;

    snprintf(grace, sizeof grace, "%lld", (long long)pass->fsck->store->config->sweep_again_s);
    snprintf(pass->files_after, sizeof pass->files_after, "%s", nil_id);
    if (pass->fsck->deep && (pass->buffer = malloc(READ_BYTES)) == NULL)
        return err_memory(err);
    if (db_query(pass->fsck->store->db, &pass->scratch, STATEMENT_FSCK_NOW, values, &row, err) != DB_ROW)
        return err_set(err, ERR_BUG, "the database tells no time");
    snprintf(pass->grown, sizeof pass->grown, "%s", db_value(&row, 0, 0));
    return true;
}

static bool check_back_end(struct fsck *fsck, const struct object_ops *ops, struct err *err)
{
    struct pass pass = {.fsck = fsck, .ops = ops};
    bool ok;

    arena_init(&pass.file_arena, ARENA_BYTES);
    arena_init(&pass.object_arena, ARENA_BYTES);
    arena_init(&pass.scratch, ARENA_BYTES);
    ok = begin_pass(&pass, err) && walk(&pass, err);
    free(pass.buffer);
    arena_free(&pass.scratch);
    arena_free(&pass.object_arena);
    arena_free(&pass.file_arena);
    return ok;
}

/* Its settings are missing: fine, unless there are files. */
static bool check_unreachable(struct fsck *fsck, const struct object_ops *ops, struct err *err)
{
    const char *const values[] = {ops->name, nil_id, "1"};
    struct arena arena;
    struct db_result row;
    enum db_rc rc;

    arena_init(&arena, ARENA_BYTES);
    rc = db_query(fsck->store->db, &arena, STATEMENT_FSCK_FILES, values, &row, err);
    arena_free(&arena);
    return rc == DB_NONE ||
           err_set(err, ERR_INPUT, "there are files in %s, but the settings do not say where", ops->name);
}

/* --- What is counted for accounts */

static bool count_anew(struct db *db, void *arg, struct err *err)
{
    const char *account = arg;
    const char *const values[] = {account};
    struct arena arena;
    struct db_result row;
    bool ok;

    arena_init(&arena, ARENA_BYTES);
    ok = db_query(db, &arena, STATEMENT_FSCK_USAGE_LOCK, values, &row, err) != DB_FAIL &&
         db_query(db, &arena, STATEMENT_FSCK_USAGE_REPAIR, values, &row, err) != DB_FAIL;
    arena_free(&arena);
    return ok;
}

static bool check_account(struct fsck *fsck, const struct db_result *rows, int row, struct err *err)
{
    const char *counted = db_value(rows, row, 1), *counted_files = db_value(rows, row, 2);
    const char *bytes = db_value(rows, row, 3), *files = db_value(rows, row, 4);
    char account[UUID_TEXT_BYTES];

    fsck->accounts++;
    if (strcmp(counted, bytes) == 0 && strcmp(counted_files, files) == 0)
        return true;
    snprintf(account, sizeof account, "%s", db_value(rows, row, 0));
    if (fsck->repair && !db_transaction(fsck->store->db, count_anew, account, err))
        return false;
    report(fsck, FSCK_USAGE, "", account, fsck->repair, "%s bytes in %s files are counted, %s in %s are there", counted,
           counted_files, bytes, files);
    return true;
}

static bool check_accounts(struct fsck *fsck, struct err *err)
{
    char after[UUID_TEXT_BYTES], most[NUMBER_BYTES];
    const char *const values[] = {after, most};
    struct db_result rows = {.rows = ACCOUNTS_PAGE};
    struct arena arena;
    bool ok = true;

    snprintf(after, sizeof after, "%s", nil_id);
    snprintf(most, sizeof most, "%d", ACCOUNTS_PAGE);
    arena_init(&arena, ARENA_BYTES);
    while (ok && rows.rows == ACCOUNTS_PAGE) {
        ok = db_query(fsck->store->db, &arena, STATEMENT_FSCK_USAGE, values, &rows, err) != DB_FAIL;
        for (int row = 0; ok && row < rows.rows; row++) {
            snprintf(after, sizeof after, "%s", db_value(&rows, row, 0));
            ok = check_account(fsck, &rows, row, err);
        }
        arena_reset(&arena);
        progress(fsck);
    }
    arena_free(&arena);
    return ok;
}

bool fsck_run(struct fsck *fsck, struct err *err)
{
    for (const struct object_ops *const *ops = object_ops_all(); *ops != NULL; ops++)
        if (!(object_reachable(&fsck->store->objects, *ops) ? check_back_end(fsck, *ops, err)
                                                            : check_unreachable(fsck, *ops, err)))
            return false;
    return check_accounts(fsck, err);
}
