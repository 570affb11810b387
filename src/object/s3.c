#include "object/s3.h"

#include "base/buf.h"
#include "object/s3_call.h"
#include "object/s3_refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool s3_ping(struct s3 *s3, struct arena *arena, struct err *err)
{
    struct s3_request request = {.name = "HEAD bucket", .method = "HEAD", .key = ""};
    struct s3_answer answer;
    struct err reason = {.kind = ERR_NONE};

    if (s3_call(s3, arena, &request, &answer, &reason))
        return true;
    if (reason.kind == ERR_ABSENT)
        return err_set(err, ERR_BUG, "S3 has no bucket '%s'", s3_call_bucket(s3));
    *err = reason;
    return false;
}

/* --- Objects */

bool s3_put(struct s3 *s3, struct arena *arena, const char *key, const char *type, const void *bytes, size_t length,
            struct err *err)
{
    struct s3_request request = {
        .name = "PUT object", .method = "PUT", .key = key, .body = bytes, .body_length = length};
    struct s3_answer answer;

    s3_request_header(&request, "content-type", type);
    return s3_call(s3, arena, &request, &answer, err);
}

/*
 * For an answer that S3 would not give: the storage, or a proxy before it, can't be used until an administrator has
 * changed something.
 */
#define NONSENSE(err, ...) (err_set(err, ERR_BUG, __VA_ARGS__), s3_refusal_nonsense(err))

static bool get_range(struct s3 *s3, struct arena *arena, const char *key, int64_t offset, int64_t whole, void *bytes,
                      size_t size, size_t *length, struct err *err)
{
    struct s3_request request = {.name = "GET object", .method = "GET", .key = key, .bytes = bytes, .size = size};
    const char *range = arena_printf(arena, "bytes=%" PRId64 "-%" PRId64, offset, offset + (int64_t)size - 1);
    int64_t first = -1, last = -1, total = -1;
    struct s3_answer answer;

    *length = 0;
    if (range == NULL)
        return err_memory(err);
    if (size == 0 || offset < 0)
        return err_set(err, ERR_BUG, "GET object: %zu bytes from %" PRId64, size, offset);
    s3_request_header(&request, "range", range);
    if (!s3_call(s3, arena, &request, &answer, err))
        return false;
    if (answer.status == 416)
        return true;
    /* An answer that ignores the range has other bytes than were asked for. */
    if (answer.status != 206 ||
        sscanf(answer.header[S3_HEADER_RANGE], "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, &first, &last, &total) != 3 ||
        first != offset || last != offset + (int64_t)request.length - 1 ||
        (request.length < size && offset + (int64_t)request.length != total))
        return NONSENSE(err, "GET object: S3 answers %ld with %zu bytes, %s, to %s", answer.status, request.length,
                        answer.header[S3_HEADER_RANGE], range);
    if (whole >= 0 && total != whole)
        return err_set(err, ERR_BUG, "GET object: it has %" PRId64 " bytes instead of %" PRId64, total, whole);
    *length = request.length;
    return true;
}

/*
 * s3rver takes the 0 at the end of "bytes=0-0" for a missing end, so the first byte is asked for together with the
 * second.
 */
bool s3_get(struct s3 *s3, struct arena *arena, const char *key, int64_t offset, int64_t whole, void *bytes,
            size_t size, size_t *length, struct err *err)
{
    unsigned char pair[2] = {0};

    if (size != 1)
        return get_range(s3, arena, key, offset, whole, bytes, size, length, err);
    if (!get_range(s3, arena, key, offset, whole, pair, sizeof pair, length, err))
        return false;
    memcpy(bytes, pair, 1);
    *length = *length > 1 ? 1 : *length;
    return true;
}

bool s3_head(struct s3 *s3, struct arena *arena, const char *key, int64_t *size, struct err *err)
{
    struct s3_request request = {.name = "HEAD object", .method = "HEAD", .key = key};
    struct s3_answer answer;

    *size = -1;
    if (!s3_call(s3, arena, &request, &answer, err))
        return false;
    return s3_number(answer.header[S3_HEADER_LENGTH], size, err) || s3_refusal_nonsense(err);
}

/* A missing object is not an error. */
static bool perform_removal(struct s3 *s3, struct arena *arena, struct s3_request *request, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    struct s3_answer answer;

    if (s3_call(s3, arena, request, &answer, &reason) || reason.kind == ERR_ABSENT)
        return true;
    *err = reason;
    return false;
}

bool s3_delete(struct s3 *s3, struct arena *arena, const char *key, struct err *err)
{
    struct s3_request request = {.name = "DELETE object", .method = "DELETE", .key = key};

    return perform_removal(s3, arena, &request, err);
}

/* --- Uploads in parts */

/* The text of one element of an answer. */
struct wanted {
    struct arena *arena;
    const char *path;
    const char *text; /* NULL: the answer does not have it */
};

static void wanted_begin(void *arg)
{
    struct wanted *wanted = arg;

    wanted->text = NULL;
}

static bool on_wanted(void *arg, const char *path, const char *text, struct err *err)
{
    struct wanted *wanted = arg;

    if (strcmp(path, wanted->path) != 0)
        return true;
    wanted->text = arena_strdup(wanted->arena, text);
    return wanted->text != NULL || err_memory(err);
}

/* A request whose answer has the wanted element. */
static struct s3_request request_of(struct wanted *wanted, const char *name, const char *method, const char *key)
{
    return (struct s3_request){
        .name = name, .method = method, .key = key, .element = on_wanted, .begin = wanted_begin, .arg = wanted};
}

bool s3_upload_begin(struct s3 *s3, struct arena *arena, const char *key, const char *type, const char **upload,
                     struct err *err)
{
    struct wanted wanted = {arena, "InitiateMultipartUploadResult/UploadId", NULL};
    struct s3_request request = request_of(&wanted, "POST uploads", "POST", key);
    struct s3_answer answer;

    *upload = NULL;
    s3_request_query(&request, "uploads", "");
    s3_request_header(&request, "content-type", type);
    if (!s3_call(s3, arena, &request, &answer, err))
        return false;
    if (wanted.text == NULL || wanted.text[0] == '\0')
        return NONSENSE(err, "POST uploads: S3 gives no id");
    *upload = wanted.text;
    return true;
}

/* The two parameters that name a part. */
static bool add_part(struct s3_request *request, struct arena *arena, const char *upload, int64_t number,
                     struct err *err)
{
    const char *text = arena_printf(arena, "%" PRId64, number);

    if (text == NULL)
        return err_memory(err);
    if (number < 1 || number > S3_PARTS_MAX)
        return err_set(err, ERR_BUG, "%s: %s is no part's number", request->name, text);
    s3_request_query(request, "partNumber", text);
    s3_request_query(request, "uploadId", upload);
    return true;
}

bool s3_upload_part(struct s3 *s3, struct arena *arena, const char *key, const char *upload, int64_t number,
                    const void *bytes, size_t length, const char **tag, struct err *err)
{
    struct s3_request request = {.name = "PUT part", .method = "PUT", .key = key, .body = bytes, .body_length = length};
    struct s3_answer answer;

    *tag = NULL;
    /* Without this header libcurl sends the type of a form. */
    s3_request_header(&request, "content-type", "application/octet-stream");
    if (!add_part(&request, arena, upload, number, err) || !s3_call(s3, arena, &request, &answer, err))
        return false;
    *tag = s3_tag(arena, answer.header[S3_HEADER_ETAG]);
    return *tag != NULL || NONSENSE(err, "PUT part: S3 gives no ETag");
}

bool s3_upload_copy(struct s3 *s3, struct arena *arena, const char *key, const char *upload, int64_t number,
                    const char *from, int64_t offset, int64_t length, const char **tag, struct err *err)
{
    struct wanted wanted = {arena, "CopyPartResult/ETag", NULL};
    struct s3_request request = request_of(&wanted, "PUT part copy", "PUT", key);
    const char *encoded = sigv4_encode(arena, from, '/');
    const char *source = encoded == NULL ? NULL : arena_printf(arena, "/%s/%s", s3_call_bucket(s3), encoded);
    const char *range = arena_printf(arena, "bytes=%" PRId64 "-%" PRId64, offset, offset + length - 1);
    struct s3_answer answer;

    *tag = NULL;
    if (source == NULL || range == NULL)
        return err_memory(err);
    s3_request_header(&request, "content-type", "application/octet-stream");
    s3_request_header(&request, "x-amz-copy-source", source);
    s3_request_header(&request, "x-amz-copy-source-range", range);
    if (!add_part(&request, arena, upload, number, err) || !s3_call(s3, arena, &request, &answer, err))
        return false;
    *tag = wanted.text == NULL ? NULL : s3_tag(arena, wanted.text);
    return *tag != NULL || NONSENSE(err, "PUT part copy: S3 gives no ETag");
}

/* Writes the numbers and tags of the parts as S3 expects them. */
static bool complete_text(struct arena *arena, const struct s3_part *parts, size_t count, struct buf *text,
                          struct err *err)
{
    enum { PART_BYTES = 96 + S3_TAG_MAX };

    buf_init(text, arena, 128 + count * PART_BYTES);
    if (!buf_add_string(text, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"))
        return err_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *tag = s3_tag(arena, parts[i].tag);

        if (tag == NULL)
            return err_set(err, ERR_BUG, "part %" PRId64 " has no tag", parts[i].number);
        if (!buf_printf(text, "<Part><PartNumber>%" PRId64 "</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
                        parts[i].number, tag))
            return err_memory(err);
    }
    return buf_add_string(text, "</CompleteMultipartUpload>") || err_memory(err);
}

bool s3_upload_complete(struct s3 *s3, struct arena *arena, const char *key, const char *upload,
                        const struct s3_part *parts, size_t count, struct err *err)
{
    struct wanted wanted = {arena, "CompleteMultipartUploadResult", NULL};
    struct s3_request request = request_of(&wanted, "POST complete", "POST", key);
    struct s3_answer answer;
    struct buf text;

    if (count < 1 || count > S3_PARTS_MAX)
        return err_set(err, ERR_BUG, "POST complete: an object of %zu parts", count);
    if (!complete_text(arena, parts, count, &text, err))
        return false;
    s3_request_query(&request, "uploadId", upload);
    s3_request_header(&request, "content-type", "application/xml");
    request.body = text.bytes;
    request.body_length = text.length;
    if (!s3_call(s3, arena, &request, &answer, err))
        return false;
    return wanted.text != NULL || NONSENSE(err, "POST complete: S3 does not say that it is");
}

bool s3_upload_abort(struct s3 *s3, struct arena *arena, const char *key, const char *upload, struct err *err)
{
    struct s3_request request = {.name = "DELETE upload", .method = "DELETE", .key = key, .may_lack = true};

    s3_request_query(&request, "uploadId", upload);
    return perform_removal(s3, arena, &request, err);
}

/* --- URLs */

bool s3_presign(struct s3 *s3, struct arena *arena, const char *key, const struct s3_grant *grant, const char **url,
                struct err *err)
{
    struct s3_request request = {.name = "presign", .method = grant->method, .key = key};
    const char *length = arena_printf(arena, "%" PRId64, grant->length);

    *url = NULL;
    if (length == NULL)
        return err_memory(err);
    if (grant->upload != NULL && !add_part(&request, arena, grant->upload, grant->part, err))
        return false;
    if (strcmp(grant->method, "PUT") == 0) {
        if (grant->length >= 0)
            s3_request_header(&request, "content-length", length);
        if (grant->type != NULL)
            s3_request_header(&request, "content-type", grant->type);
    } else {
        if (grant->type != NULL)
            s3_request_query(&request, "response-content-type", grant->type);
        if (grant->disposition != NULL)
            s3_request_query(&request, "response-content-disposition", grant->disposition);
    }
    return s3_call_presign(s3, arena, &request, grant->seconds, grant->browser, url, err);
}
