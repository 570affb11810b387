#include "app/file/upload_request.h"

#include <string.h>

/*
 * The bytes behind the last part: CR LF, two hyphens, the boundary, two hyphens, CR LF. The last CR LF is optional;
 * without it the part has two bytes more, which are reserved when they come.
 */
static int64_t closing_bytes(const struct upload_request *request)
{
    return (int64_t)request->parser.delimiter_length + 4;
}

bool upload_request_refuse_chunk(const char *field, struct err *err)
{
    return err_field(
        err, ERR_VALUE, field,
        "%s: this is a part of a file, and would become a file of its own; send the file as a whole, or in "
        "parts by tus to /uploads",
        field);
}

/*
 * Refuses the fields in which upload libraries number the parts of a file: Dropzone, Resumable.js, Flow.js, Fine
 * Uploader and Plupload. The two names of Plupload are refused only together, because other forms use each of them for
 * something else.
 */
static bool check_field(struct upload_request *request, const char *name, struct err *err)
{
    static const char *const fields[] = {"dzchunkindex", "resumableChunkNumber", "flowChunkNumber", "qqpartindex"};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i], name) == 0)
            return upload_request_refuse_chunk(fields[i], err);
    request->has_chunk = request->has_chunk || strcmp(name, "chunk") == 0;
    request->has_chunks = request->has_chunks || strcmp(name, "chunks") == 0;
    return !request->has_chunk || !request->has_chunks || upload_request_refuse_chunk("chunk", err);
}

static bool part_begin(void *user, const struct multipart_part *part, struct err *err)
{
    struct exchange *x = user;
    struct upload_request *request = x->stream;
    int64_t most = x->request.content_length - part->offset - closing_bytes(request);

    if (part->filename == NULL && !check_field(request, part->name, err))
        return false;
    if (part->filename == NULL)
        return true;
    if (part->filename_length == 0) {
        request->nameless = (struct upload_request_nameless){true, arena_strdup(&x->arena, part->name),
                                                             arena_strdup(&x->arena, part->type), most};
        return (request->nameless.field != NULL && request->nameless.type != NULL) || err_memory(err);
    }
    return upload_request_file_begin(x, part->name, part->filename, part->filename_length, part->type, -1, most, err);
}

static bool part_data(void *user, const void *bytes, size_t length, struct err *err)
{
    struct exchange *x = user;
    struct upload_request *request = x->stream;
    const struct upload_request_nameless *nameless = &request->nameless;

    if (nameless->waits &&
        !upload_request_file_begin(x, nameless->field, "", 0, nameless->type, -1, nameless->most, err))
        return false;
    request->nameless.waits = false;
    return request->open == NULL || upload_request_file_add(request->open, bytes, length, err);
}

static bool part_end(void *user, struct err *err)
{
    struct exchange *x = user;
    struct upload_request *request = x->stream;

    request->nameless.waits = false;
    return upload_request_file_end(x, err);
}

bool upload_request_form_begin(struct exchange *x, struct err *err)
{
    const struct multipart_events events = {
        .part_begin = part_begin, .part_data = part_data, .part_end = part_end, .user = x};
    struct upload_request *request = x->stream;

    return multipart_init(&request->parser, x->request.content_type, &events, err);
}
