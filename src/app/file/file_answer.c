#include "app/file/file_answer.h"

#include "app/file/file_typing.h"
#include "base/json_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { QUOTED_BYTES = 6 * 256 + 3 /* a name whose every byte is escaped */ };

bool file_answer_add(struct buf *out, const struct file *file, struct err *err)
{
    char plain[MEDIA_TYPE_BYTES]; /* without a charset */
    char id[UUID_TEXT_BYTES], name[QUOTED_BYTES], type[QUOTED_BYTES], sha256[SHA256_HEX_BYTES], created[32];
    time_t seconds = (time_t)(file->created_at_ms / 1000);
    struct tm utc;

    uuid_format(&file->id, id);
    json_text_quote(name, sizeof name, file->name);
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(file->type, ";"), file->type);
    json_text_quote(type, sizeof type, plain);
    sha256_hex(file->sha256, sha256);
    if (gmtime_r(&seconds, &utc) == NULL || strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return err_set(err, ERR_BUG, "no time for a file");
    return buf_printf(out,
                      "{\"id\":\"%s\",\"url\":\"/files/%s\",\"name\":%s,\"size\":%lld,\"type\":%s,\"sha256\":\"%s\","
                      "\"created_at\":\"%s\"}",
                      id, id, name, (long long)file->size, type, sha256, created) ||
           err_set(err, ERR_BUG, "answer is too long");
}

/* A sealed upload whose type is looked for; then it is committed. */
struct finishing {
    struct upload *upload;
    struct file_typing *typing;
    file_answer_then *then;
};

struct commit {
    struct upload *upload;
    const char *type;
    struct exchange *x;
};

static bool commit(struct db *db, void *arg, struct err *err)
{
    const struct commit *commit = arg;
    struct upload *upload = commit->upload;
    struct arena *arena = &commit->x->arena;

    (void)db;
    return upload_commit(upload, arena, commit->type, err) &&
           (upload->file.concat[0] == '\0' ||
            file_parts_drop(&commit->x->services->files, arena, &upload->file.id, err)) &&
           session_confirm(&commit->x->services->sessions, &commit->x->session, err);
}

/* The storage is away, say: the bytes stay, and the next HEAD tries again. Who is to be run again keeps the upload open. */
static bool keep_what_came(struct upload *upload, const struct err *reason)
{
    struct err ignored = {.kind = ERR_NONE}; /* the reason was there first */

    if (reason->busy)
        return false;

    if (upload->file.sealed)
        upload_leave(upload);
    else
        (void)!upload_keep(upload, &ignored);
    return false;
}

static bool tell(struct exchange *x, const struct upload *upload, file_answer_then *then, struct err *err)
{
    return then == NULL || then(x, &upload->file, err);
}

static bool finish(struct exchange *x, const struct finishing *finishing, struct err *err)
{
    struct commit work = {.upload = finishing->upload, .type = finishing->typing->type, .x = x};

    if (!db_transaction(x->services->files.db, commit, &work, err))
        return false;
    file_point(&x->services->files, "upload-committed");
    return tell(x, finishing->upload, finishing->then, err);
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    const struct finishing *finishing = x->stream;

    if (!file_typing_attend(finishing->typing, err))
        return keep_what_came(finishing->upload, err);
    *done = finishing->typing->type != NULL;
    return !*done || finish(x, finishing, err) || keep_what_came(finishing->upload, err);
}

/* Whoever asks for the upload next finds it sealed, and commits it. */
static void quit(struct exchange *x)
{
    const struct finishing *finishing = x->stream;

    upload_leave(finishing->upload);
}

static const struct job job = {.step = step, .quit = quit};

bool file_answer_commit(struct exchange *x, struct upload *upload, file_answer_then *then, struct err *err)
{
    struct finishing *finishing = arena_alloc(&x->arena, sizeof *finishing);

    if (finishing == NULL)
        return err_memory(err);
    *finishing = (struct finishing){.upload = upload, .then = then};
    if (!file_typing_begin(x, upload, &finishing->typing, err))
        return false;
    if (finishing->typing->type != NULL)
        return finish(x, finishing, err);
    x->stream = finishing;
    x->job = &job;
    return true;
}

bool file_answer_complete(struct exchange *x, struct upload *upload, file_answer_then *then, struct err *err)
{
    if (strcmp(upload->file.via, "part") == 0) {
        if (!upload_seal(upload, err))
            return keep_what_came(upload, err);
        upload_leave(upload);
        return tell(x, upload, then, err);
    }
    return (upload_seal(upload, err) && file_answer_commit(x, upload, then, err)) || keep_what_came(upload, err);
}

static bool no_upload(struct err *err)
{
    return err_set(err, ERR_ABSENT, "there is no such upload of yours; it may have expired");
}

bool file_answer_upload(struct exchange *x, const struct uuid *id, struct file *file, struct err *err)
{
    return file_find(&x->services->files, &x->arena, id, &x->session.account, file, err) == DB_ROW || no_upload(err);
}

bool file_answer_open(struct exchange *x, const struct uuid *id, struct upload **upload, struct err *err)
{
    return upload_open(&x->services->files, &x->arena, id, &x->session.account, upload, err) == DB_ROW ||
           no_upload(err);
}

bool file_answer_id(const struct exchange *x, struct uuid *id, struct err *err)
{
    return uuid_parse(x->match.parameter, id) || err_set(err, ERR_ABSENT, "there is no such file of yours");
}

bool file_answer_name(const char *name, char safe[DISPOSITION_NAME_BYTES], struct err *err)
{
    size_t length = strlen(name);

    if (length >= DISPOSITION_NAME_BYTES)
        return err_field(err, ERR_VALUE, "name", "name: at most %d bytes of UTF-8", DISPOSITION_NAME_BYTES - 1);
    disposition_name(name, length, safe);
    return true;
}

static bool find(struct exchange *x, struct file *file,
                 enum db_rc (*finder)(struct file_store *, struct arena *, const struct uuid *, const struct uuid *,
                                      struct file *, struct err *),
                 struct err *err)
{
    struct uuid id;

    return file_answer_id(x, &id, err) &&
           ((finder(&x->services->files, &x->arena, &id, &x->session.account, file, err) == DB_ROW &&
             file->state == FILE_COMMITTED) ||
            err_set(err, ERR_ABSENT, "there is no such file of yours"));
}

bool file_answer_find(struct exchange *x, struct file *file, struct err *err)
{
    return find(x, file, file_find, err);
}

bool file_answer_find_small(struct exchange *x, struct file *file, struct err *err)
{
    return find(x, file, file_find_small, err);
}
