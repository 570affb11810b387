#include "app/file/file_typing.h"
#include "app/file/upload_request.h"
#include "http/disposition.h"
#include "media/media_type.h"
#include "store/account.h"
#include "store/upload_whole.h"

#include <string.h>

/* The fingerprint of the most files with the longest names and types. A length has at most 3 digits and a colon. */
enum {
    FILES_MAX_BYTES = MULTIPART_PARTS_MAX * (SHA256_BYTES + DISPOSITION_NAME_BYTES),
    MEANING_MAX_BYTES = MULTIPART_PARTS_MAX * (MULTIPART_NAME_MAX + DISPOSITION_NAME_BYTES + MEDIA_TYPE_BYTES + 3 * 4),
};

static bool set_photo(struct exchange *x, const struct upload_request_file *received, struct err *err)
{
    const char *type = received->typing->type;

    if (strncmp(type, "image/", strlen("image/")) != 0)
        return err_field(err, ERR_TYPE, "photo", "photo: this is %s, not an image", type);
    return account_set_photo(x->services->sessions.db, &x->arena, &x->session.account, &received->upload->file.id,
                             err) != DB_FAIL &&
           session_ids_of(&x->services->sessions, &x->arena, &x->session.account, &x->forgets, err);
}

/*
 * Commits the files that have a row (whole false) or those that have none yet (whole true). Those with a row come
 * first: every transaction locks rows of files before the account's usage, which a new row changes.
 */
static bool commit_files(struct exchange *x, const struct upload_request_file *first, bool whole, struct err *err)
{
    for (const struct upload_request_file *received = first; received != NULL; received = received->next) {
        struct upload *upload = received->upload;

        if ((upload->plan != NULL) != whole)
            continue;
        if (!upload_commit(upload, &x->arena, received->typing->type, err) ||
            (whole && first->next != NULL && !upload_whole_flush(upload, &x->arena, err)) ||
            (received->photo && !set_photo(x, received, err)))
            return false;
    }
    return true;
}

static bool commit(struct exchange *x, void *arg, struct err *err)
{
    const struct upload_request_file *first = arg;
    const struct upload_request *request = x->stream;

    if (request->done)
        return err_set(err, ERR_CONFLICT, "the outcome of this request is gone; send it again");
    return commit_files(x, first, false, err) && commit_files(x, first, true, err) &&
           upload_request_answer(x, first, err);
}

void upload_request_drop(struct exchange *x)
{
    const struct upload_request *request = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* the sweeper removes what remains */

    for (const struct upload_request_file *received = request->first; received != NULL; received = received->next) {
        if (received->upload != NULL && received->upload->plan == NULL)
            (void)!file_give_up(&x->services->files, &x->arena, &received->upload->file.id, &x->session.account,
                                &ignored);
        if (received->next != NULL)
            (void)!db_give_way(x->services->sessions.db);
    }
}

/*
 * Makes x->body and x->meaning from the files: two requests with the same key must have sent the same files in the same
 * fields.
 */
static bool set_fingerprint(struct exchange *x, struct err *err)
{
    struct upload_request *request = x->stream;

    buf_init(&x->body, &x->arena, FILES_MAX_BYTES);
    buf_init(&x->meaning, &x->arena, MEANING_MAX_BYTES);
    for (const struct upload_request_file *received = request->first; received != NULL; received = received->next) {
        unsigned char digest[SHA256_BYTES];
        struct sha256 hash = received->upload != NULL ? received->upload->hash : received->hash;

        sha256_end(&hash, digest);
        if (!buf_add(&x->body, digest, sizeof digest) || !buf_add_string(&x->body, received->name) ||
            !buf_printf(&x->meaning, "%zu:%s%zu:%s%zu:%s", strlen(received->field), received->field,
                        strlen(received->name), received->name, strlen(received->type), received->type))
            return err_memory(err);
    }
    x->body_read = true;
    return true;
}

/*
 * Files without a row ask for their room at the commit. An attempt on a worker of the release before may have taken it.
 */
static bool commit_once(struct exchange *x, struct err *err)
{
    const struct upload_request *request = x->stream;
    struct err ignored = {.kind = ERR_NONE};
    int64_t bytes = 0, files = 0;
    bool found = false;

    if (once(x, commit, request->first, err))
        return true;
    for (const struct upload_request_file *one = request->first; request->is_small && one != NULL; one = one->next)
        if (one->upload != NULL && one->upload->plan != NULL) {
            bytes += one->upload->file.received;
            files++;
        }
    upload_whole_explain(&x->services->files, &x->arena, &x->session.account, bytes, files, err);
    if (!request->is_small || err->kind != ERR_LARGE || !upload_request_find_earlier(x, &found, &ignored) || !found)
        return false;
    err_clear(err);
    return once(x, commit, request->first, err);
}

bool upload_request_finish(struct exchange *x, struct err *err)
{
    if (!set_fingerprint(x, err) || !commit_once(x, err))
        return false;
    if (x->replayed)
        upload_request_drop(x);
    else
        file_point(&x->services->files, "upload-committed");
    return true;
}
