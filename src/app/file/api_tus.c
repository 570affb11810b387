#include "app/api.h"
#include "app/file/file_lookup.h"
#include "app/file/tus_receive.h"
#include "app/file/tus_upload.h"
#include "app/once.h"

#include <string.h>

/*
 * Resumable uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload). Each PATCH may be served by another
 * worker: the state of an upload is in its row. Of a body that is cut off, the bytes that came count. The last byte
 * commits the file; if the worker dies before that, the next HEAD does.
 */

#define TUS_EXTENSIONS                                                                                                 \
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation"

/*
 * Adds Tus-Resumable to each answer. A HEAD that can't be answered now gets 423, which clients repeat; after a 5xx they
 * would upload everything again. After a bug they should, because repeating the HEAD would not help.
 */
bool tus_add_headers(struct exchange *x, struct err *refused, struct err *err)
{
    if (x->request.method == METHOD_HEAD && refused->kind == ERR_DOWN)
        refused->kind = ERR_LOCKED;
    if (refused->kind == ERR_STALE && !response_header(&x->response, "Tus-Version", TUS_VERSION, err))
        return false;
    return response_header(&x->response, "Tus-Resumable", TUS_VERSION, err);
}

bool api_tus_options(struct exchange *x, struct err *err)
{
    char allow[ROUTE_ALLOW_MAX];

    x->response.status = 204;
    return response_header(&x->response, "Tus-Version", TUS_VERSION, err) &&
           response_header(&x->response, "Tus-Extension", TUS_EXTENSIONS, err) &&
           response_header(&x->response, "Tus-Checksum-Algorithm", TUS_CHECKSUM_ALGORITHMS, err) &&
           tus_number_header(x, "Tus-Max-Size", x->services->config.file_max_bytes, err) &&
           response_header(&x->response, "Allow", route_allow(&x->match, allow), err);
}

/* --- HEAD */

static bool describe(struct exchange *x, const struct file *file, struct err *err)
{
    bool joining = file->concat[0] != '\0' && file->state != FILE_COMMITTED;
    const char *concat = strcmp(file->via, "part") == 0 ? "partial" : file->concat;

    x->response.status = 200;
    /* A missing offset says that the parts are still being joined (tus 1.0.0, Concatenation). */
    return (joining || tus_number_header(x, "Upload-Offset", file->received, err)) &&
           (file->size >= 0 ? tus_number_header(x, "Upload-Length", file->size, err)
                            : response_header(&x->response, "Upload-Defer-Length", "1", err)) &&
           (file->metadata[0] == '\0' || response_header(&x->response, "Upload-Metadata", file->metadata, err)) &&
           (concat[0] == '\0' || response_header(&x->response, "Upload-Concat", concat, err)) &&
           (file->state == FILE_COMMITTED || tus_expiry_header(x, file->expires_at_ms, err));
}

bool api_tus_head(struct exchange *x, struct err *err)
{
    struct file file;

    return tus_check_version(x, err) && tus_find_upload(x, &file, err) && tus_complete_late(x, &file, describe, err);
}

/* --- PATCH */

/* An upload that began without a length may get it once, with any PATCH. */
static bool learn_length(struct exchange *x, struct file *file, struct err *err)
{
    int64_t length;

    if (x->request.upload_length[0] == '\0')
        return true;
    if (!tus_length(x->request.upload_length, "", &length, err))
        return false;
    if (length > x->services->config.file_max_bytes)
        return err_set(err, ERR_LARGE, "a file may have at most %lld bytes",
                       (long long)x->services->config.file_max_bytes);
    if (file->size == length)
        return true;
    if (file->size >= 0)
        return err_field(err, ERR_INPUT, "Upload-Length", "Upload-Length: is %lld and stays so", (long long)file->size);
    if (file_set_size(&x->services->files, &x->arena, &file->id, &x->session.account, length, err) != DB_ROW)
        return err_field(err, ERR_INPUT, "Upload-Length", "Upload-Length: there are more bytes than that already");
    file->size = length;
    return true;
}

bool api_tus_patch(struct exchange *x, struct err *err)
{
    struct tus_body *body = arena_zalloc(&x->arena, sizeof *body);
    struct file file;
    int64_t offset;

    if (body == NULL)
        return err_memory(err);
    if (!tus_check_version(x, err))
        return false;
    if (!tus_has_chunk(x))
        return err_set(err, ERR_TYPE, "send application/offset+octet-stream");
    if (!tus_offset(x->request.upload_offset, &offset, err) || !tus_find_upload(x, &file, err))
        return false;
    if (file.concat[0] != '\0')
        return err_set(err, ERR_DENIED, "this upload is joined from others");
    if (offset != file.received)
        return err_set(err, ERR_CONFLICT, "the upload has %lld bytes; continue from there", (long long)file.received);
    if (file.size >= 0 && x->request.content_length > file.size - offset)
        return err_set(err, ERR_LARGE, "the upload was announced with %lld bytes", (long long)file.size);
    /* The file is complete: this repeats a request whose answer was lost, by a client that has asked for the offset. */
    if (file.state == FILE_COMMITTED) {
        x->response.status = 204;
        return tus_answer_offset(x, &file, err);
    }
    if (!learn_length(x, &file, err) || !tus_receive(x, &file.id, body, err))
        return false;
    if (body->upload->file.received == offset)
        return true;
    return err_set(err, ERR_CONFLICT, "the upload has %lld bytes; continue from there",
                   (long long)body->upload->file.received);
}

/* --- DELETE */

static bool drop(struct exchange *x, void *arg, struct err *err)
{
    const struct uuid *id = arg;

    if (file_drop(&x->services->files, &x->arena, id, &x->session.account, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "there is no such upload");
    x->response.status = 204;
    return true;
}

bool api_tus_delete(struct exchange *x, struct err *err)
{
    struct uuid id;

    return tus_check_version(x, err) && file_lookup_id(x, &id, err) && once(x, drop, &id, err);
}
