#include "app/api.h"
#include "app/file/file_typing.h"
#include "app/file/upload_request.h"
#include "app/page/query.h"
#include "base/decimal.h"
#include "http/disposition.h"
#include "store/upload_whole.h"

#include <string.h>

/*
 * POST /upload and the check that nginx makes before it takes the body. upload_request.h says how the request is
 * processed.
 */

static bool take(struct exchange *x, const void *bytes, size_t length, struct err *err)
{
    struct upload_request *request = x->stream;

    return request->raw ? upload_request_file_add(request->open, bytes, length, err)
                        : multipart_feed(&request->parser, bytes, length, err);
}

/* Finds the types of the files, one after the other. *known: all types are known. */
static bool find_types(struct exchange *x, bool *known, struct err *err)
{
    const struct upload_request *request = x->stream;

    *known = true;
    for (const struct upload_request_file *received = request->first; *known && received != NULL;
         received = received->next) {
        if (received->typing == NULL)
            continue;
        if (!file_typing_attend(received->typing, err))
            return false;
        *known = received->typing->type != NULL;
    }
    return true;
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    if (find_types(x, done, err) && (!*done || upload_request_finish(x, err)))
        return true;
    upload_request_drop(x);
    return false;
}

static const struct job job = {.step = step, .quit = upload_request_drop};

static bool end(struct exchange *x, bool whole, struct err *err)
{
    struct upload_request *request = x->stream;
    bool known;

    if (!whole)
        err_set(err, ERR_INPUT, "the body was cut off");
    else if (request->raw)
        (void)!upload_request_file_end(x, err);
    else if (multipart_finish(&request->parser, err) && request->first == NULL)
        err_set(err, ERR_VALUE, "there is no file in this form; choose one");
    if (err->kind != ERR_NONE || !find_types(x, &known, err))
        return false;
    if (known)
        return upload_request_finish(x, err);
    x->job = &job;
    return true;
}

/* Only one block is in memory, however many files the form has. */
static size_t needs(const struct exchange *x)
{
    const struct upload_request *request = x->stream;
    int64_t length = x->request.content_length;

    if (request->done)
        return 0;
    return file_block_room(&x->services->files, request->raw ? length : -1, length);
}

static const struct body_sink sink = {.take = take, .end = end, .drop = upload_request_drop, .needs = needs};

/* The name of a raw body is in Content-Disposition or in ?name=. */
static bool begin_raw(struct exchange *x, struct err *err)
{
    char *value = arena_strdup(&x->arena, x->request.content_disposition);
    struct disposition disposition = {.filename = NULL};
    const char *name;

    if (value == NULL)
        return err_memory(err);
    if (value[0] != '\0' && !disposition_read(value, strlen(value), &disposition, err))
        return false;
    if (disposition.filename == NULL) {
        if (!query_text(x, "name", &name, err))
            return false;
        disposition.filename = name != NULL ? name : "";
        disposition.filename_length = strlen(disposition.filename);
    }
    return upload_request_file_begin(x, "", disposition.filename, disposition.filename_length, x->request.content_type,
                                     x->request.content_length, x->request.content_length, err);
}

static bool check_length(const struct exchange *x, int64_t length, struct err *err)
{
    if (length > x->services->config.files_max_bytes)
        return err_set(err, ERR_LARGE, "your files may have %lld bytes together",
                       (long long)x->services->config.files_max_bytes);
    return true;
}

/* Answers nginx whether this session may send a body of ?length= bytes, before nginx takes any of it. */
bool api_upload_admit(struct exchange *x, struct err *err)
{
    const char *text;
    char account[UUID_TEXT_BYTES];
    int64_t length = 0; /* nginx does not know the length of a chunked body */

    if (!query_text(x, "length", &text, err))
        return false;
    if (text != NULL && text[0] != '\0' && !decimal_parse(text, 0, INT64_MAX, &length))
        return err_field(err, ERR_VALUE, "length", "length: how many bytes will come");
    if (!check_length(x, length, err))
        return false;
    x->response.status = 204;
    /* nginx counts the bodies that it holds for one account (mayfly-limits.conf). */
    uuid_format(&x->session.account, account);
    return response_header(&x->response, "X-Mayfly-Account", account, err);
}

bool api_upload(struct exchange *x, struct err *err)
{
    struct upload_request *request = arena_zalloc(&x->arena, sizeof *request);

    if (request == NULL)
        return err_memory(err);
    if (!check_length(x, x->request.content_length, err))
        return false;
    /* Some clients mark the parts of a file by Content-Range, as for a PUT (RFC 9110, section 14.5). */
    if (x->request.content_range[0] != '\0')
        return upload_request_refuse_chunk("Content-Range", err);
    request->last = &request->first;
    request->raw = !request_has_type(&x->request, "multipart/form-data");
    request->is_small = upload_whole_fits(&x->services->files, x->request.content_length);
    if (!once_keys(x, &request->keys, err))
        return false;
    request->holder = upload_request_holder(&request->keys, 0);
    x->stream = request;
    x->sink = &sink;
    return request->raw ? begin_raw(x, err) : upload_request_form_begin(x, err);
}
