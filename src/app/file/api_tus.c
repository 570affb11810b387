#include "app/api.h"
#include "app/file/file_answer.h"
#include "app/file/tus_join.h"
#include "app/once.h"
#include "base/sha1.h"
#include "http/date.h"
#include "http/disposition.h"
#include "http/tus.h"

#include <stdio.h>
#include <string.h>

/*
 * Resumable uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload). Each PATCH may meet another worker: what an
 * upload has is in its row. A body that is cut off counts as far as it came. The last byte commits the file; when a
 * worker dies right then, the next HEAD does.
 */

#define TUS_EXTENSIONS                                                                                                 \
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation"

enum {
    URL_BYTES = sizeof "/uploads/" + UUID_TEXT_BYTES,
    NUMBER_BYTES = 24,
    FINGERPRINT_BYTES = 64 * 1024 /* a request's head has no more */
};

static bool number_header(struct exchange *x, const char *name, int64_t number, struct err *err)
{
    char text[NUMBER_BYTES];

    snprintf(text, sizeof text, "%lld", (long long)number);
    return response_header(&x->response, name, text, err);
}

/*
 * Tus-Resumable on each answer. A HEAD that can't be answered now is 423, which clients repeat: after a 5xx they would
 * begin again from zero. After a fault of ours they should: repeating would get them no further.
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
           number_header(x, "Tus-Max-Size", x->services->config.file_max_bytes, err) &&
           response_header(&x->response, "Allow", route_allow(&x->match, allow), err);
}

static bool check_version(const struct exchange *x, struct err *err)
{
    return tus_version(x->request.tus_resumable) ||
           err_field(err, ERR_STALE, "Tus-Resumable", "Tus-Resumable: this speaks %s", TUS_VERSION);
}

static bool find(struct exchange *x, struct file *file, struct err *err)
{
    struct uuid id;

    /* The bytes of a direct one go elsewhere. */
    return file_answer_id(x, &id, err) && file_answer_upload(x, &id, file, err) &&
           (strcmp(file->via, "direct") != 0 || err_set(err, ERR_ABSENT, "this is not an upload by tus"));
}

static bool expiry_header(struct exchange *x, int64_t expires_at_ms, struct err *err)
{
    char date[DATE_BYTES];

    date_format(expires_at_ms, date);
    return response_header(&x->response, "Upload-Expires", date, err);
}

static bool is_complete(const struct file *file)
{
    return file->size >= 0 && file->received == file->size;
}

/* --- HEAD --- */

static bool describe(struct exchange *x, const struct file *file, struct err *err)
{
    bool joining = file->concat[0] != '\0' && file->state != FILE_COMMITTED;
    const char *concat = strcmp(file->via, "part") == 0 ? "partial" : file->concat;

    x->response.status = 200;
    /* No offset says that the parts are still being joined (tus 1.0.0, Concatenation). */
    return (joining || number_header(x, "Upload-Offset", file->received, err)) &&
           (file->size >= 0 ? number_header(x, "Upload-Length", file->size, err)
                            : response_header(&x->response, "Upload-Defer-Length", "1", err)) &&
           (file->metadata[0] == '\0' || response_header(&x->response, "Upload-Metadata", file->metadata, err)) &&
           (concat[0] == '\0' || response_header(&x->response, "Upload-Concat", concat, err)) &&
           (file->state == FILE_COMMITTED || expiry_header(x, file->expires_at_ms, err));
}

/* Every byte may be there without this having been said, when the worker that took the last one died. Then tells. */
static bool complete_late(struct exchange *x, struct file *file, file_answer_then *then, struct err *err)
{
    bool part = strcmp(file->via, "part") == 0;
    struct upload *upload;

    if (file->state == FILE_COMMITTED || !is_complete(file) || (part && file->sealed))
        return then == NULL || then(x, file, err);
    switch (upload_open(&x->services->files, &x->arena, &file->id, &x->session.account, &upload, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE: /* somebody else was quicker */
        return file_answer_upload(x, &file->id, file, err) && (then == NULL || then(x, file, err));
    case DB_ROW:
        break;
    }
    return file_answer_complete(x, upload, then, err);
}

bool api_tus_head(struct exchange *x, struct err *err)
{
    struct file file;

    return check_version(x, err) && find(x, &file, err) && complete_late(x, &file, describe, err);
}

/* --- PATCH, and POST with a body --- */

struct patching {
    struct upload *upload;
    struct tus_checksum checksum;
    struct sha256 sha256;
    struct sha1 sha1;
    bool created; /* by this very request */
    bool checked; /* the checksum was right; another's lock may have come between that and the end */
};

static bool take(struct exchange *x, const void *bytes, size_t length, struct err *err)
{
    struct patching *patching = x->stream;

    if (patching->checksum.algorithm == TUS_SHA256)
        sha256_add(&patching->sha256, bytes, length);
    if (patching->checksum.algorithm == TUS_SHA1 && !sha1_add(&patching->sha1, bytes, length))
        return err_memory(err);
    return upload_add(patching->upload, bytes, length, err);
}

static bool checksum_right(struct patching *patching)
{
    unsigned char digest[TUS_DIGEST_MAX];

    if (patching->checked)
        return true;
    switch (patching->checksum.algorithm) {
    case TUS_NO_CHECKSUM:
        return true;
    case TUS_SHA1:
        if (!sha1_end(&patching->sha1, digest))
            return false;
        break;
    case TUS_SHA256:
        sha256_end(&patching->sha256, digest);
        break;
    }
    patching->checked = memcmp(digest, patching->checksum.digest, patching->checksum.length) == 0;
    return patching->checked;
}

static bool tell_received(struct exchange *x, const struct file *file, struct err *err)
{
    return number_header(x, "Upload-Offset", file->received, err) &&
           (x->response.status == 201 || file->state == FILE_COMMITTED || expiry_header(x, file->expires_at_ms, err));
}

/* Only the answer would tell the client where this upload is: without one nobody goes on with it. */
static bool is_unknown(const struct exchange *x, const struct patching *patching)
{
    return patching->created && x->request.idempotency_key[0] == '\0';
}

static bool end(struct exchange *x, bool whole, struct err *err)
{
    struct patching *patching = x->stream;
    struct upload *upload = patching->upload;

    if (!checksum_right(patching) || (!whole && patching->checksum.algorithm != TUS_NO_CHECKSUM))
        return err_set(err, ERR_CHECKSUM, "the bytes have another checksum; none of them were kept");
    if (!whole && is_unknown(x, patching))
        return err_set(err, ERR_INPUT, "the body was cut off");
    x->response.status = patching->created ? 201 : 204;
    return is_complete(&upload->file) ? file_answer_complete(x, upload, tell_received, err)
                                      : upload_keep(upload, err) && tell_received(x, &upload->file, err);
}

/*
 * What is in the row counts; of the rest the client hears no offset. Bytes with a checksum may be wrong, and a block of them
 * that the storage did not answer to may still arrive: not after the right one, so that lease lasts to its end.
 */
static void leave(struct exchange *x)
{
    struct patching *patching = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* the sweeper finds it when it is overdue */

    if (x->failure.kind != ERR_DOWN || !patching->upload->hold)
        upload_leave(patching->upload);
    if (is_unknown(x, patching))
        (void)!file_give_up(&x->services->files, &x->arena, &patching->upload->file.id, &x->session.account, &ignored);
}

static size_t holds(const struct exchange *x)
{
    const struct patching *patching = x->stream;

    return patching->upload->room;
}

static void rest(struct exchange *x)
{
    const struct patching *patching = x->stream;

    upload_rest(patching->upload);
}

static const struct body_sink sink = {.take = take, .end = end, .drop = leave, .holds = holds, .rest = rest};

/* From now on the body goes into this upload. */
static bool receive(struct exchange *x, const struct uuid *id, struct patching *patching, struct err *err)
{
    if (!tus_checksum_read(x->request.upload_checksum, &patching->checksum, err) ||
        !file_answer_open(x, id, &patching->upload, err))
        return false;
    sha256_init(&patching->sha256);
    if (patching->checksum.algorithm == TUS_SHA1 && !sha1_init(&patching->sha1, &x->arena))
        return err_memory(err);
    patching->upload->hold = patching->checksum.algorithm != TUS_NO_CHECKSUM;
    x->stream = patching;
    x->sink = &sink;
    return true;
}

static bool has_chunk(const struct exchange *x)
{
    return request_has_type(&x->request, "application/offset+octet-stream");
}

/* An upload that began without a length may get it with any PATCH, once. */
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
    struct patching *patching = arena_zalloc(&x->arena, sizeof *patching);
    struct file file;
    int64_t offset;

    if (patching == NULL)
        return err_memory(err);
    if (!check_version(x, err))
        return false;
    if (!has_chunk(x))
        return err_set(err, ERR_TYPE, "send application/offset+octet-stream");
    if (!tus_offset(x->request.upload_offset, &offset, err) || !find(x, &file, err))
        return false;
    if (file.concat[0] != '\0')
        return err_set(err, ERR_DENIED, "this upload is joined from others");
    if (offset != file.received)
        return err_set(err, ERR_CONFLICT, "the upload has %lld bytes; continue from there", (long long)file.received);
    if (file.size >= 0 && x->request.content_length > file.size - offset)
        return err_set(err, ERR_LARGE, "the upload was announced with %lld bytes", (long long)file.size);
    /* Nothing is sent to what is whole: a repetition whose first answer was lost, by a client that has asked for the offset. */
    if (file.state == FILE_COMMITTED) {
        x->response.status = 204;
        return tell_received(x, &file, err);
    }
    if (!learn_length(x, &file, err) || !receive(x, &file.id, patching, err))
        return false;
    if (patching->upload->file.received == offset)
        return true;
    return err_set(err, ERR_CONFLICT, "the upload has %lld bytes; continue from there",
                   (long long)patching->upload->file.received);
}

/* --- POST --- */

struct creation {
    struct file_plan plan;
    struct tus_concat concat;
};

/* The file of these parts; the one that there is, when this was asked for before. */
static bool join(struct exchange *x, struct creation *creation, struct file *file, struct err *err)
{
    struct file_store *files = &x->services->files;
    const struct tus_concat *concat = &creation->concat;

    switch (
        file_joined(files, &x->arena, &x->session.account, &concat->parts[0], creation->plan.concat, &file->id, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return file_join(files, &x->arena, &x->session.account, concat->parts, concat->count, &creation->plan, file,
                         err);
    case DB_ROW:
        return true;
    }
    return false;
}

static bool create(struct exchange *x, void *arg, struct err *err)
{
    struct creation *creation = arg;
    char id[UUID_TEXT_BYTES], url[URL_BYTES];
    bool final = creation->concat.kind == TUS_FINAL;
    struct file file;

    if (final ? !join(x, creation, &file, err)
              : !file_create(&x->services->files, &x->arena, &x->session.account, &creation->plan, &file, err))
        return false;
    uuid_format(&file.id, id);
    snprintf(url, sizeof url, "/uploads/%s", id);
    x->response.status = 201;
    return response_header(&x->response, "Location", url, err) && (final || expiry_header(x, file.expires_at_ms, err));
}

/* The id is in the answer, which may be an earlier one's. */
static bool created_id(struct exchange *x, struct uuid *id, struct err *err)
{
    const char *location = response_header_find(&x->response, &x->arena, "Location");

    return (location != NULL && uuid_parse(location + strlen("/uploads/"), id)) ||
           err_set(err, ERR_BUG, "a creation without a location");
}

static const char *pair_text(const struct tus_pair *pair)
{
    return pair != NULL ? pair->value : "";
}

/* What is made of parts has their length. */
static bool refuse_length(struct exchange *x, struct err *err)
{
    return (x->request.upload_length[0] == '\0' && x->request.upload_defer_length[0] == '\0') ||
           err_field(err, ERR_INPUT, "Upload-Length", "Upload-Length: a file made of parts has their length");
}

static bool plan_creation(struct exchange *x, struct creation *creation, struct err *err)
{
    struct tus_metadata metadata;
    const struct tus_concat *concat = &creation->concat;
    char *name = arena_alloc(&x->arena, DISPOSITION_NAME_BYTES), *key = arena_alloc(&x->arena, DISPOSITION_KEY_BYTES);
    char *claimed = arena_alloc(&x->arena, MEDIA_TYPE_BYTES);
    const struct tus_pair *pair;
    int64_t length = TUS_DEFERRED;

    if (name == NULL || key == NULL || claimed == NULL)
        return err_memory(err);
    if (!tus_concat_read(x->request.upload_concat, &creation->concat, err) ||
        !tus_metadata_read(&x->arena, x->request.upload_metadata, &metadata, err))
        return false;
    if (concat->kind == TUS_FINAL ? !refuse_length(x, err)
                                  : !tus_length(x->request.upload_length, x->request.upload_defer_length, &length, err))
        return false;
    if (length > x->services->config.file_max_bytes)
        return err_set(err, ERR_LARGE, "a file may have at most %lld bytes",
                       (long long)x->services->config.file_max_bytes);
    pair = tus_metadata_name(&metadata);
    disposition_name(pair_text(pair), pair != NULL ? pair->length : 0, name);
    disposition_key(name, strlen(name), key);
    media_type_normalise(pair_text(tus_metadata_type(&metadata)), claimed);
    creation->plan = (struct file_plan){
        .via = concat->kind == TUS_PARTIAL ? "part" : "tus",
        .name = name,
        .object_name = key,
        .claimed_type = claimed,
        .metadata = x->request.upload_metadata,
        .concat = concat->kind == TUS_FINAL ? x->request.upload_concat : NULL,
        .size = length,
        .reserve = length > 0 ? length : 0,
    };
    return true;
}

/* Each part must be whole; one whose worker died right before that is made so. */
static bool check_part(struct exchange *x, const struct uuid *id, size_t number, struct err *err)
{
    struct file file;

    if (file_find(&x->services->files, &x->arena, id, &x->session.account, &file, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "Upload-Concat: part %zu is not there; it may have expired", number);
    if (strcmp(file.via, "part") != 0)
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: part %zu is no partial upload", number);
    if (!is_complete(&file))
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: part %zu is not complete", number);
    return complete_late(x, &file, NULL, err);
}

static bool check_parts(struct exchange *x, const struct creation *creation, struct err *err)
{
    const struct tus_concat *concat = &creation->concat;
    struct uuid whole;

    switch (file_joined(&x->services->files, &x->arena, &x->session.account, &concat->parts[0], creation->plan.concat,
                        &whole, err)) {
    case DB_FAIL:
        return false;
    case DB_ROW:
        return true;
    case DB_NONE:
        break;
    }
    for (size_t i = 0; i < concat->count; i++)
        if (!check_part(x, &concat->parts[i], i + 1, err))
            return false;
    return true;
}

/* Who asks for the same at the same time finds no parts any more, but their file. */
static bool create_final(struct exchange *x, struct creation *creation, struct err *err)
{
    struct uuid whole;
    struct err ignored = {.kind = ERR_NONE};

    if (check_parts(x, creation, err) && once(x, create, creation, err))
        return true;
    if ((err->kind != ERR_ABSENT && err->kind != ERR_CONFLICT) ||
        file_joined(&x->services->files, &x->arena, &x->session.account, &creation->concat.parts[0],
                    creation->plan.concat, &whole, &ignored) != DB_ROW)
        return false;
    err_clear(err);
    return once(x, create, creation, err);
}

/* Another request for the same may be done with it at any moment, also between these lines. */
static bool begin_joining(struct exchange *x, const struct uuid *id, struct err *err)
{
    struct file_store *files = &x->services->files;
    enum db_rc rc = DB_NONE;
    struct upload *upload;
    struct file file;

    for (int tries = 0; rc == DB_NONE && tries < 2; tries++) {
        rc = file_find(files, &x->arena, id, &x->session.account, &file, err);
        if (rc != DB_ROW)
            break;
        if (file.state == FILE_COMMITTED)
            return true;
        rc = upload_open(files, &x->arena, id, &x->session.account, &upload, err);
    }
    if (rc != DB_ROW)
        return err_set(err, ERR_ABSENT, "there is no such upload; it may have expired");
    return tus_join(x, upload, err);
}

/* Of a creation that is repeated: its bytes are not taken again, and the client hears where to go on, or that all is there. */
static bool tell_offset(struct exchange *x, const struct uuid *id, struct err *err)
{
    struct file file;

    return file_answer_upload(x, id, &file, err) && number_header(x, "Upload-Offset", file.received, err) &&
           complete_late(x, &file, NULL, err);
}

/*
 * An empty file is whole when it is created, and clients take it for uploaded then. Whoever repeats the creation may be
 * told of a worker that died right after it; or of a file that was deleted since.
 */
static bool complete_empty(struct exchange *x, const struct uuid *id, struct err *err)
{
    struct file file;

    switch (file_find(&x->services->files, &x->arena, id, &x->session.account, &file, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return true;
    case DB_ROW:
        return complete_late(x, &file, NULL, err);
    }
    return false;
}

/* Stands for the body, which creates nothing: two requests with the same key must have asked for the same upload. */
static bool set_fingerprint(struct exchange *x, struct err *err)
{
    const struct request *request = &x->request;

    buf_init(&x->body, &x->arena, FINGERPRINT_BYTES);
    if (!buf_printf(&x->body, "%s\n%s\n%s\n%s\n", request->upload_length, request->upload_defer_length,
                    request->upload_metadata, request->upload_concat))
        return err_memory(err);
    x->body_read = true;
    return true;
}

bool api_tus_create(struct exchange *x, struct err *err)
{
    struct patching *patching = arena_zalloc(&x->arena, sizeof *patching);
    struct creation creation = {.plan = {.size = 0}};
    struct uuid id;
    bool final;

    if (patching == NULL)
        return err_memory(err);
    /* What creates has no body; one that comes along is the first chunk. */
    if (!check_version(x, err) || !plan_creation(x, &creation, err) || !set_fingerprint(x, err) ||
        !tus_checksum_read(x->request.upload_checksum, &patching->checksum, err))
        return false;
    final = creation.concat.kind == TUS_FINAL;
    if (final && has_chunk(x))
        return err_set(err, ERR_DENIED, "a file made of parts takes no bytes of its own");
    if (!(final ? create_final(x, &creation, err) : once(x, create, &creation, err)) || !created_id(x, &id, err))
        return false;
    if (final)
        return begin_joining(x, &id, err);
    if (has_chunk(x)) {
        patching->created = true;
        return x->replayed ? tell_offset(x, &id, err) : receive(x, &id, patching, err);
    }
    return creation.plan.size != 0 || complete_empty(x, &id, err);
}

/* --- DELETE --- */

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

    return check_version(x, err) && file_answer_id(x, &id, err) && once(x, drop, &id, err);
}
