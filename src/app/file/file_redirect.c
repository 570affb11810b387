#include "app/file/file_redirect.h"

#include "app/file/file_reader.h"

#include <string.h>

/*
 * Validity of the URL. nginx uses it at once; the rest is for clocks that differ. A transfer that has begun may take
 * longer.
 */
enum { URL_SECONDS = 60 };

bool file_redirects(const struct exchange *x, const struct file *file, const struct range *range)
{
    const struct object_ops *back_end = object_ops_named(file->back_end);

    /* HEAD needs no bytes from the storage. */
    return x->request.method == METHOD_GET && x->request.storage[0] != '\0' && x->request.storage_failed[0] == '\0' &&
           x->services->config.s3_accel && range->length > FILE_READER_BYTES && back_end != NULL &&
           back_end->sign != NULL;
}

/* nginx knows the storage's address; it needs the host, as it was signed, and the rest of the URL. */
static bool add_url(struct exchange *x, const char *url, struct err *err)
{
    const char *host = strstr(url, "://");
    const char *path = host != NULL ? strchr(host + strlen("://"), '/') : NULL;
    const char *name;

    if (path == NULL)
        return err_set(err, ERR_BUG, "a signed URL without a path");
    host += strlen("://");
    name = arena_printf(&x->arena, "%.*s", (int)(path - host), host);
    if (name == NULL)
        return err_memory(err);
    return response_header(&x->response, "X-Mayfly-Object-Host", name, err) &&
           response_header(&x->response, "X-Mayfly-Object", path, err);
}

static bool is_given_out(struct exchange *x, const struct file *file, int64_t offset, struct err *err)
{
    const struct object_ops *back_end = object_ops_named(file->back_end);
    struct err reason = {.kind = ERR_NONE};
    unsigned char byte;
    size_t length;

    if (back_end->read(&x->services->files.objects, &x->arena, &file->object, offset, &byte, sizeof byte, &length,
                       &reason) &&
        length == sizeof byte)
        return true;
    if (reason.kind == ERR_NONE || reason.kind == ERR_ABSENT)
        return file_reader_lost(x, &file->id, &file->account, err);
    *err = reason;
    return false;
}

bool file_redirect(struct exchange *x, const struct file *file, const struct range *range, struct err *err)
{
    const struct object_grant grant = {.method = "GET", .seconds = URL_SECONDS};
    struct file_store *files = &x->services->files;
    const char *url, *text, *length;

    if (!is_given_out(x, file, range->offset, err) ||
        !object_ops_named(file->back_end)->sign(&files->objects, &x->arena, &file->object, &grant, &url, err) ||
        !add_url(x, url, err))
        return false;
    text = arena_printf(&x->arena, "bytes=%lld-%lld", (long long)range->offset,
                        (long long)(range->offset + range->length - 1));
    length = arena_printf(&x->arena, "%lld", (long long)range->length);
    if (text == NULL || length == NULL)
        return err_memory(err);
    /* The type is set here, because this answer has no body of its own. */
    return response_header(&x->response, "Content-Type", file->type, err) &&
           (x->response.status != 206 || response_header(&x->response, "X-Mayfly-Object-Range", text, err)) &&
           response_header(&x->response, "X-Mayfly-Object-Length", length, err) &&
           response_header(&x->response, "X-Accel-Redirect", "@mayfly_s3", err);
}
