#include "app/file/tus_upload.h"

#include "app/file/file_lookup.h"
#include "http/date.h"
#include "http/tus.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 24 /* an int64_t */ };

bool tus_number_header(struct exchange *x, const char *name, int64_t number, struct err *err)
{
    char text[NUMBER_BYTES];

    snprintf(text, sizeof text, "%lld", (long long)number);
    return response_header(&x->response, name, text, err);
}

bool tus_expiry_header(struct exchange *x, int64_t expires_at_ms, struct err *err)
{
    char date[DATE_BYTES];

    date_format(expires_at_ms, date);
    return response_header(&x->response, "Upload-Expires", date, err);
}

bool tus_check_version(const struct exchange *x, struct err *err)
{
    return tus_version(x->request.tus_resumable) ||
           err_field(err, ERR_STALE, "Tus-Resumable", "Tus-Resumable: this speaks %s", TUS_VERSION);
}

bool tus_has_chunk(const struct exchange *x)
{
    return request_has_type(&x->request, "application/offset+octet-stream");
}

bool tus_find_upload(struct exchange *x, struct file *file, struct err *err)
{
    struct uuid id;

    /* The bytes of a direct upload go to the storage. */
    return file_lookup_id(x, &id, err) && file_lookup_upload(x, &id, file, err) &&
           (strcmp(file->via, "direct") != 0 || err_set(err, ERR_ABSENT, "this is not an upload by tus"));
}

bool tus_is_complete(const struct file *file)
{
    return file->size >= 0 && file->received == file->size;
}

bool tus_answer_offset(struct exchange *x, const struct file *file, struct err *err)
{
    return tus_number_header(x, "Upload-Offset", file->received, err) &&
           (x->response.status == 201 || file->state == FILE_COMMITTED ||
            tus_expiry_header(x, file->expires_at_ms, err));
}

bool tus_complete_late(struct exchange *x, struct file *file, file_finish_answer *then, struct err *err)
{
    bool part = strcmp(file->via, "part") == 0;
    struct upload *upload;

    if (file->state == FILE_COMMITTED || !tus_is_complete(file) || (part && file->sealed))
        return then == NULL || then(x, file, err);
    switch (upload_open(&x->services->files, &x->arena, &file->id, &x->session.account, &upload, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE: /* another request was faster */
        return file_lookup_upload(x, &file->id, file, err) && (then == NULL || then(x, file, err));
    case DB_ROW:
        break;
    }
    return file_finish(x, upload, then, err);
}
