#include "app/file_answer.h"

#include "base/json_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { QUOTED_BYTES = 6 * 256 + 3 /* a name whose every byte is escaped */ };

bool file_answer_add(struct buf *out, const struct file *file, struct err *err)
{
    char id[UUID_TEXT_BYTES], name[QUOTED_BYTES], type[QUOTED_BYTES], sha256[SHA256_HEX_BYTES], created[32];
    time_t seconds = (time_t)(file->created_at_ms / 1000);
    struct tm utc;

    uuid_format(&file->id, id);
    json_text_quote(name, sizeof name, file->name);
    json_text_quote(type, sizeof type, file->type);
    sha256_hex(file->sha256, sha256);
    if (gmtime_r(&seconds, &utc) == NULL || strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return err_set(err, ERR_BUG, "no time for a file");
    return buf_printf(out,
                      "{\"id\":\"%s\",\"url\":\"/files/%s\",\"name\":%s,\"size\":%lld,\"type\":%s,\"sha256\":\"%s\","
                      "\"created_at\":\"%s\"}",
                      id, id, name, (long long)file->size, type, sha256, created) ||
           err_set(err, ERR_BUG, "answer is too long");
}

bool file_answer_type(struct exchange *x, struct upload *upload, const char **type, struct err *err)
{
    char *head = arena_alloc(&x->arena, MEDIA_TYPE_SNIFF_BYTES);
    char claimed[MEDIA_TYPE_BYTES], sniffed[MEDIA_TYPE_BYTES];
    size_t length;

    if (head == NULL)
        return err_memory(err);
    if (!upload_head(upload, head, MEDIA_TYPE_SNIFF_BYTES, &length, err) ||
        !media_type_sniff(head, length, sniffed, err))
        return false;
    media_type_normalise(upload->file.claimed_type, claimed);
    *type = arena_strdup(&x->arena, media_type_settle(claimed, sniffed, NULL));
    return *type != NULL || err_memory(err);
}

bool file_answer_seal(struct exchange *x, struct upload *upload, const char **type, struct err *err)
{
    return upload_seal(upload, err) && file_answer_type(x, upload, type, err);
}

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
           session_confirm(&commit->x->services->sessions, arena, &commit->x->session, err);
}

/* The storage is away, say: the bytes stay, and the next HEAD tries again. */
static bool keep_what_came(struct upload *upload)
{
    struct err ignored = {.kind = ERR_NONE}; /* the reason was there first */

    if (upload->file.sealed)
        upload_leave(upload);
    else
        (void)!upload_keep(upload, &ignored);
    return false;
}

bool file_answer_commit(struct exchange *x, struct upload *upload, struct err *err)
{
    struct commit work = {.upload = upload, .x = x};

    if (!file_answer_type(x, upload, &work.type, err) || !db_transaction(x->services->files.db, commit, &work, err))
        return false;
    file_point(&x->services->files, "upload-committed");
    return true;
}

bool file_answer_complete(struct exchange *x, struct upload *upload, struct err *err)
{
    if (strcmp(upload->file.via, "part") == 0) {
        if (!upload_seal(upload, err))
            return keep_what_came(upload);
        upload_leave(upload);
        return true;
    }
    return (upload_seal(upload, err) && file_answer_commit(x, upload, err)) || keep_what_came(upload);
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

bool file_answer_find(struct exchange *x, struct file *file, struct err *err)
{
    struct uuid id;

    return file_answer_id(x, &id, err) &&
           ((file_find(&x->services->files, &x->arena, &id, &x->session.account, file, err) == DB_ROW &&
             file->state == FILE_COMMITTED) ||
            err_set(err, ERR_ABSENT, "there is no such file of yours"));
}
