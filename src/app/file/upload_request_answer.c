#include "app/file/file_json.h"
#include "app/file/upload_request.h"

#include <stdio.h>

static bool add_location(struct exchange *x, const struct file *file, struct err *err)
{
    char id[UUID_TEXT_BYTES], location[sizeof "/files/" + UUID_TEXT_BYTES];

    uuid_format(&file->id, id);
    snprintf(location, sizeof location, "/files/%s", id);
    return response_header(&x->response, "Location", location, err);
}

/* One id per line, for clients that keep the answer as the name of the file, such as FilePond. */
static bool answer_ids(struct exchange *x, const struct upload_request_file *first, struct err *err)
{
    x->response.type = "text/plain; charset=utf-8";
    for (const struct upload_request_file *received = first; received != NULL; received = received->next) {
        char id[UUID_TEXT_BYTES];

        uuid_format(&received->upload->file.id, id);
        if (!buf_printf(&x->response.body, "%s%s", received != first ? "\n" : "", id))
            return err_memory(err);
    }
    return first->next != NULL || add_location(x, &first->upload->file, err);
}

bool upload_request_answer(struct exchange *x, const struct upload_request_file *first, struct err *err)
{
    struct buf *body = &x->response.body;
    bool several = first->next != NULL;

    x->response.status = 201;
    if (request_wants_text(&x->request))
        return answer_ids(x, first, err);
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/files?uploaded=1", err);
    if (!several)
        return file_json_add(body, &first->upload->file, err) && add_location(x, &first->upload->file, err);
    if (!buf_add_string(body, "{\"files\":["))
        return err_memory(err);
    for (const struct upload_request_file *received = first; received != NULL; received = received->next)
        if ((received != first && !buf_add_string(body, ",")) || !file_json_add(body, &received->upload->file, err))
            return err_set(err, ERR_BUG, "answer is too long");
    return buf_add_string(body, "]}") || err_memory(err);
}
