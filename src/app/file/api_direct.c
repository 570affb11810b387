#include "app/api.h"
#include "app/file/file_finish.h"
#include "app/file/file_json.h"
#include "app/file/file_lookup.h"
#include "app/file/file_name.h"
#include "app/once.h"
#include "app/page/query.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "http/disposition.h"
#include "media/media_type.h"
#include "store/direct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Large files that clients send to the object storage: POST /files/direct takes name, length and type, and answers with
 * URLs. The client puts the parts there. POST /files/ID/complete makes a file of them. Meanwhile GET /files/ID/parts
 * gives further or new URLs, POST takes the ETags that the storage has answered, and DELETE /files/ID gives up.
 */

enum {
    URLS_PER_PAGE = 100,
    /* How long other requests of this worker wait. The client asks again for the rest. */
    CHECK_MS = 300,
};

static bool absent(struct err *err)
{
    return err_set(err, ERR_ABSENT, "this is not an upload directly to the storage");
}

static bool find(struct exchange *x, const struct uuid *id, struct file *file, struct err *err)
{
    return file_lookup_upload(x, id, file, err) && (strcmp(file->via, "direct") == 0 || absent(err));
}

/* --- URLs */

static bool add_part(struct exchange *x, const struct file *file, const struct object_ops *back_end, int64_t part,
                     struct err *err)
{
    const struct object_grant grant = {
        .method = "PUT", .seconds = x->services->config.direct_url_s, .browser = true, .part = part};
    int64_t before = (part - 1) * file->object.block_bytes, left = file->size - before;
    const char *url;

    if (!back_end->sign(&x->services->files.objects, &x->arena, &file->object, &grant, &url, err))
        return false;
    /* A URL has only unreserved characters, per cent signs and &, so JSON needs no escapes. */
    return buf_printf(&x->response.body, "{\"part\":%lld,\"offset\":%lld,\"size\":%lld,\"url\":\"%s\"}",
                      (long long)part, (long long)before,
                      (long long)(left < file->object.block_bytes ? left : file->object.block_bytes), url) ||
           err_set(err, ERR_BUG, "answer is too long");
}

/* Writes what a client needs to continue from this part on. */
static bool describe(struct exchange *x, const struct file *file, int64_t from, struct err *err)
{
    const struct object_ops *back_end = file_back_end(file, err);
    struct buf *body = &x->response.body;
    int64_t parts = direct_parts(file), last = from + URLS_PER_PAGE - 1;
    char id[UUID_TEXT_BYTES];

    if (back_end == NULL)
        return false;
    if (last > parts)
        last = parts;
    uuid_format(&file->id, id);
    if (!buf_printf(body,
                    "{\"id\":\"%s\",\"url\":\"/files/%s\",\"size\":%lld,\"part_bytes\":%lld,\"parts\":%lld,"
                    "\"expires_in\":%lld,\"put\":[",
                    id, id, (long long)file->size, (long long)file->object.block_bytes, (long long)parts,
                    (long long)x->services->config.direct_url_s))
        return err_set(err, ERR_BUG, "answer is too long");
    for (int64_t part = from; part <= last; part++)
        if ((part > from && !buf_add_string(body, ",")) || !add_part(x, file, back_end, part, err))
            return err_set(err, ERR_BUG, "answer is too long");
    return (last < parts ? buf_printf(body, "],\"next\":\"/files/%s/parts?from=%lld\"}", id, (long long)last + 1)
                         : buf_add_string(body, "]}")) ||
           err_set(err, ERR_BUG, "answer is too long");
}

/* Begins the upload with the storage, unless that was done: a worker may have died before it. */
static bool begin(struct exchange *x, struct file *file, struct err *err)
{
    struct upload *upload;
    bool begun;

    if (file->object.upload[0] != '\0')
        return true;
    if (!file_lookup_lease(x, &file->id, &upload, err))
        return false;
    begun = upload_begin(upload, err);
    upload_leave(upload);
    *file = upload->file;
    return begun;
}

/* --- POST /files/direct */

static bool read_size(struct exchange *x, int64_t *size, struct err *err)
{
    int64_t most = x->services->config.file_max_bytes;
    const json_t *fields, *member;
    const char *text;

    if (!exchange_fields(x, &fields, err))
        return false;
    member = json_object_get(fields, "size");
    if (json_is_integer(member)) {
        *size = json_integer_value(member);
    } else {
        if (!json_text(fields, "size", &text, err))
            return false;
        if (text == NULL || !decimal_parse(text, 0, INT64_MAX, size))
            *size = 0;
    }
    if (*size < 1)
        return err_field(err, ERR_VALUE, "size", "size: how many bytes will come, at least 1");
    return *size <= most || err_set(err, ERR_LARGE, "a file may have at most %lld bytes", (long long)most);
}

static bool plan_file(struct exchange *x, struct file_plan *plan, struct err *err)
{
    char *safe = arena_alloc(&x->arena, DISPOSITION_NAME_BYTES), *key = arena_alloc(&x->arena, DISPOSITION_KEY_BYTES);
    char *claimed = arena_alloc(&x->arena, MEDIA_TYPE_BYTES);
    const json_t *fields;
    const char *name, *type;

    if (safe == NULL || key == NULL || claimed == NULL)
        return err_memory(err);
    if (!exchange_fields(x, &fields, err) || !json_text(fields, "name", &name, err) ||
        !json_text(fields, "type", &type, err) || !read_size(x, &plan->size, err))
        return false;
    if (!file_name_read(name != NULL ? name : "", safe, err))
        return false;
    disposition_key(safe, strlen(safe), key);
    media_type_normalise(type != NULL ? type : "", claimed);
    *plan = (struct file_plan){.via = "direct",
                               .name = safe,
                               .object_name = key,
                               .claimed_type = claimed,
                               .metadata = "",
                               .size = plan->size,
                               .reserve = plan->size};
    return true;
}

static bool create(struct exchange *x, void *arg, struct err *err)
{
    const struct file_plan *plan = arg;
    char id[UUID_TEXT_BYTES], location[sizeof "/files/" + UUID_TEXT_BYTES];
    struct file file;

    if (!file_create(&x->services->files, &x->arena, &x->session.account, plan, &file, err))
        return false;
    uuid_format(&file.id, id);
    snprintf(location, sizeof location, "/files/%s", id);
    x->response.status = 201;
    return response_header(&x->response, "Location", location, err);
}

/* The URLs are not part of the stored outcome. A repeated request gets new URLs for the same file. */
bool api_direct_create(struct exchange *x, struct err *err)
{
    struct file_plan plan = {.size = 0};
    const char *location;
    struct file file;
    struct uuid id;

    if (!direct_possible(&x->services->config))
        return err_set(err, ERR_ABSENT, "files are not kept in S3 here; send them to /uploads or /upload");
    if (!plan_file(x, &plan, err) || !once(x, create, &plan, err))
        return false;
    location = response_header_find(&x->response, &x->arena, "Location");
    if (location == NULL || !uuid_parse(location + strlen("/files/"), &id))
        return err_set(err, ERR_BUG, "a creation without a location");
    if (!find(x, &id, &file, err))
        return false;
    if (file.state == FILE_COMMITTED)
        return file_json_add(&x->response.body, &file, err);
    return begin(x, &file, err) && describe(x, &file, 1, err);
}

/* --- GET /files/ID/parts */

bool api_direct_parts(struct exchange *x, struct err *err)
{
    const char *text;
    struct file file;
    struct uuid id;
    int64_t from = 1;

    if (!file_lookup_id(x, &id, err) || !query_text(x, "from", &text, err) || !find(x, &id, &file, err))
        return false;
    if (file.state == FILE_COMMITTED)
        return err_set(err, ERR_CONFLICT, "this upload is complete");
    if (text != NULL && !decimal_parse(text, 1, direct_parts(&file), &from))
        return err_field(err, ERR_VALUE, "from", "from: a part from 1 to %lld", (long long)direct_parts(&file));
    return begin(x, &file, err) && describe(x, &file, from, err);
}

/* --- POST /files/ID/parts */

struct noting {
    struct file file;
    struct direct_part *parts;
    size_t count;
};

static bool read_part(const json_t *member, struct direct_part *part, struct err *err)
{
    const json_t *number = json_object_get(member, "part"), *tag = json_object_get(member, "etag");

    if (!json_is_integer(number) || !json_is_string(tag))
        return err_field(err, ERR_VALUE, "parts",
                         "parts: a list of {\"part\": 1, \"etag\": \"what the storage said\"}");
    *part = (struct direct_part){json_integer_value(number), json_string_value(tag)};
    return true;
}

static bool read_parts(struct exchange *x, struct noting *noting, struct err *err)
{
    const json_t *fields, *list;

    if (!exchange_fields(x, &fields, err))
        return false;
    list = json_object_get(fields, "parts");
    noting->count = json_array_size(list);
    noting->parts = arena_alloc(&x->arena, (noting->count + 1) * sizeof noting->parts[0]);
    if (noting->parts == NULL)
        return err_memory(err);
    if (!json_is_array(list) || noting->count == 0)
        return read_part(NULL, noting->parts, err);
    for (size_t i = 0; i < noting->count; i++)
        if (!read_part(json_array_get(list, i), &noting->parts[i], err))
            return false;
    return true;
}

static bool note(struct exchange *x, void *arg, struct err *err)
{
    const struct noting *noting = arg;

    if (!direct_note(&x->services->files, &x->arena, &noting->file, noting->parts, noting->count, err))
        return false;
    x->response.status = 204;
    return true;
}

bool api_direct_note(struct exchange *x, struct err *err)
{
    struct noting noting = {.count = 0};
    struct uuid id;

    if (!file_lookup_id(x, &id, err) || !read_parts(x, &noting, err) || !find(x, &id, &noting.file, err))
        return false;
    if (noting.file.state == FILE_COMMITTED)
        return err_set(err, ERR_CONFLICT, "this upload is complete");
    return once(x, note, &noting, err);
}

/* --- POST /files/ID/complete */

struct claim {
    bool given;
    unsigned char sha256[SHA256_BYTES];
};

static bool read_claim(struct exchange *x, struct claim *claim, struct err *err)
{
    const json_t *fields;
    const char *text;

    if (!exchange_fields(x, &fields, err) || !json_text(fields, "sha256", &text, err))
        return false;
    claim->given = text != NULL;
    return text == NULL || bytes_from_hex(text, strlen(text), claim->sha256, sizeof claim->sha256) ||
           err_field(err, ERR_VALUE, "sha256", "sha256: 64 hexadecimal digits");
}

static bool agrees(const struct claim *claim, const unsigned char sha256[SHA256_BYTES])
{
    return !claim->given || memcmp(claim->sha256, sha256, SHA256_BYTES) == 0;
}

/* Drops the file, since its parts can't be sent again. */
static bool refuse(struct exchange *x, const struct upload *upload, struct err *err)
{
    if (file_give_up(&x->services->files, &x->arena, &upload->file.id, &x->session.account, err) == DB_FAIL)
        return false;
    return err_field(err, ERR_CHECKSUM, "sha256", "the bytes have another SHA-256; they were removed");
}

static bool tell_created(struct exchange *x, const struct file *file, struct err *err)
{
    x->response.status = 201;
    return file_json_add(&x->response.body, file, err);
}

static bool commit(struct exchange *x, struct upload *upload, const struct claim *claim, struct err *err)
{
    unsigned char sha256[SHA256_BYTES];
    struct sha256 hash = upload->hash;

    sha256_end(&hash, sha256);
    if (!agrees(claim, sha256))
        return refuse(x, upload, err);
    return file_finish_sealed(x, upload, tell_created, err);
}

/* Any worker can continue from there. */
static bool say_how_far(struct exchange *x, struct upload *upload, struct err *err)
{
    x->response.status = 202;
    return upload_keep(upload, err) && (buf_printf(&x->response.body, "{\"checked\":%lld,\"size\":%lld}",
                                                   (long long)upload->file.received, (long long)upload->file.size) ||
                                        err_set(err, ERR_BUG, "answer is too long"));
}

static bool check(struct exchange *x, struct upload *upload, const struct claim *claim, struct err *err)
{
    if (!direct_seal(upload, err) || !direct_check(upload, CHECK_MS, err))
        return false;
    return upload->file.received < upload->file.size ? say_how_far(x, upload, err) : commit(x, upload, claim, err);
}

bool api_direct_complete(struct exchange *x, struct err *err)
{
    struct claim claim;
    struct upload *upload;
    struct file file;
    struct uuid id;

    if (!file_lookup_id(x, &id, err) || !read_claim(x, &claim, err) || !find(x, &id, &file, err))
        return false;
    if (file.state == FILE_COMMITTED) {
        if (!agrees(&claim, file.sha256))
            return err_field(err, ERR_CHECKSUM, "sha256", "the file has another SHA-256");
        return tell_created(x, &file, err);
    }
    if (!file_lookup_lease(x, &file.id, &upload, err))
        return false;
    if (check(x, upload, &claim, err))
        return true;
    upload_leave(upload);
    return false;
}
