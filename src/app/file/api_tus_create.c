#include "app/api.h"
#include "app/file/file_lookup.h"
#include "app/file/tus_join.h"
#include "app/file/tus_receive.h"
#include "app/file/tus_upload.h"
#include "app/once.h"
#include "http/disposition.h"
#include "media/media_type.h"
#include "store/file_parts.h"

#include <stdio.h>
#include <string.h>

enum {
    URL_BYTES = sizeof "/uploads/" + UUID_TEXT_BYTES,
    FINGERPRINT_BYTES = 64 * 1024 /* the limit of a request's head */
};

struct creation {
    struct file_plan plan;
    struct tus_concat concat;
};

/* Joins the parts to a file, or finds the file if an earlier request has joined them. */
static bool join(struct exchange *x, struct creation *creation, struct file *file, struct err *err)
{
    struct file_store *files = &x->services->files;
    const struct tus_concat *concat = &creation->concat;

    switch (file_parts_whole(files, &x->arena, &x->session.account, &concat->parts[0], creation->plan.concat, &file->id,
                             err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return file_parts_join(files, &x->arena, &x->session.account, concat->parts, concat->count, &creation->plan,
                               file, err);
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
    return response_header(&x->response, "Location", url, err) &&
           (final || tus_expiry_header(x, file.expires_at_ms, err));
}

/* The id is in the answer, which may be that of an earlier attempt. */
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

/* A file that is joined from parts has their length. */
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

/* Checks that a part is complete. A part whose worker died before it was sealed is sealed now. */
static bool check_part(struct exchange *x, const struct uuid *id, size_t number, struct err *err)
{
    struct file file;

    if (file_find(&x->services->files, &x->arena, id, &x->session.account, &file, err) != DB_ROW)
        return err_set(err, ERR_ABSENT, "Upload-Concat: part %zu is not there; it may have expired", number);
    if (strcmp(file.via, "part") != 0)
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: part %zu is no partial upload", number);
    if (!tus_is_complete(&file))
        return err_field(err, ERR_INPUT, "Upload-Concat", "Upload-Concat: part %zu is not complete", number);
    return tus_complete_late(x, &file, NULL, err);
}

static bool check_parts(struct exchange *x, const struct creation *creation, struct err *err)
{
    const struct tus_concat *concat = &creation->concat;
    struct uuid whole;

    switch (file_parts_whole(&x->services->files, &x->arena, &x->session.account, &concat->parts[0],
                             creation->plan.concat, &whole, err)) {
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

/* Creates the joined file. If another request has joined the same parts meanwhile, it finds the file of that one. */
static bool create_final(struct exchange *x, struct creation *creation, struct err *err)
{
    struct uuid whole;
    struct err ignored = {.kind = ERR_NONE};

    if (check_parts(x, creation, err) && once(x, create, creation, err))
        return true;
    if ((err->kind != ERR_ABSENT && err->kind != ERR_CONFLICT) ||
        file_parts_whole(&x->services->files, &x->arena, &x->session.account, &creation->concat.parts[0],
                         creation->plan.concat, &whole, &ignored) != DB_ROW)
        return false;
    err_clear(err);
    return once(x, create, creation, err);
}

/* Begins to join the parts. Another request may finish the same file at any moment, also between these statements. */
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

/* Answers a repeated creation: its bytes are not taken again, and the client is told where to continue. */
static bool tell_offset(struct exchange *x, const struct uuid *id, struct err *err)
{
    struct file file;

    return file_lookup_upload(x, id, &file, err) && tus_number_header(x, "Upload-Offset", file.received, err) &&
           tus_complete_late(x, &file, NULL, err);
}

/*
 * Commits an empty file when it is created, since clients do not send a PATCH for it. A repeated creation may find that
 * the worker died before this, or that the file was deleted.
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
        return tus_complete_late(x, &file, NULL, err);
    }
    return false;
}

/*
 * Makes the fingerprint from the headers, since the body does not belong to the creation: two requests with the same
 * key must ask for the same upload.
 */
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
    struct tus_body *body = arena_zalloc(&x->arena, sizeof *body);
    struct creation creation = {.plan = {.size = 0}};
    struct uuid id;
    bool final;

    if (body == NULL)
        return err_memory(err);
    /* A body of the creation is the first chunk. */
    if (!tus_check_version(x, err) || !plan_creation(x, &creation, err) || !set_fingerprint(x, err) ||
        !tus_checksum_read(x->request.upload_checksum, &body->checksum, err))
        return false;
    final = creation.concat.kind == TUS_FINAL;
    if (final && tus_has_chunk(x))
        return err_set(err, ERR_DENIED, "a file made of parts takes no bytes of its own");
    if (!(final ? create_final(x, &creation, err) : once(x, create, &creation, err)) || !created_id(x, &id, err))
        return false;
    if (final)
        return begin_joining(x, &id, err);
    if (tus_has_chunk(x)) {
        body->created = true;
        return x->replayed ? tell_offset(x, &id, err) : tus_receive(x, &id, body, err);
    }
    return creation.plan.size != 0 || complete_empty(x, &id, err);
}
