#include "app/file/file_typing.h"
#include "app/file/upload_request.h"
#include "http/disposition.h"
#include "media/media_type.h"
#include "store/upload_whole.h"

#include <string.h>

enum {
    /* Earlier attempts that may each have to make room: as many as nginx makes (fastcgi_next_upstream_tries). */
    ATTEMPTS_MAX = 4,
    /*
     * Files of a small form that have no row before the end. Each is a statement of the last transaction, during which
     * the worker serves no other request. The rows of further files are made before it, and other requests are served
     * in between (t/4231).
     */
    WHOLE_FILES_MAX = 16,
};

/* Makes the row, unless an earlier attempt turns out to be committed. */
static bool create(struct exchange *x, const struct file_plan *plan, struct file *file, struct err *err)
{
    const struct upload_request *request = x->stream;

    for (int earlier = 0; !request->done; earlier++) {
        struct err refused = {.kind = ERR_NONE};
        bool found = false;

        if (file_create(&x->services->files, &x->arena, &x->session.account, plan, file, &refused))
            return true;
        if (refused.kind == ERR_LARGE && earlier < ATTEMPTS_MAX && !upload_request_find_earlier(x, &found, err))
            return false;
        if (!found) {
            *err = refused;
            return false;
        }
    }
    return true;
}

/*
 * Makes the upload, and its row unless the request is small. The picture of a profile always has a row, because its
 * commit locks the account before the file.
 */
static bool begin_upload(struct exchange *x, const struct file_plan *plan, struct upload_request_file *received,
                         struct err *err)
{
    struct file_store *files = &x->services->files;
    const struct upload_request *request = x->stream;
    struct upload_request_file *last = NULL;
    struct file file;
    int before = 0;

    for (struct upload_request_file *one = request->first; one != NULL; one = one->next, before++)
        last = one;
    if (request->is_small && !received->photo && before < WHOLE_FILES_MAX)
        return upload_whole_new(files, &x->arena, &x->session.account, plan, last != NULL ? last->upload : NULL,
                                &received->upload, err);
    /*
     * Each file of a form takes some transactions: other requests are served in between, and only one block is in
     * memory.
     */
    if (last != NULL)
        (void)!db_give_way(x->services->sessions.db);
    return (last == NULL || last->upload == NULL || upload_settle(last->upload, err)) && create(x, plan, &file, err) &&
           (request->done || upload_open_made(files, &x->arena, &file, &request->holder, &received->upload, err));
}

bool upload_request_file_begin(struct exchange *x, const char *field, const char *name, size_t name_length,
                               const char *type, int64_t size, int64_t most, struct err *err)
{
    struct upload_request *request = x->stream;
    char *safe = arena_alloc(&x->arena, DISPOSITION_NAME_BYTES), *key = arena_alloc(&x->arena, DISPOSITION_KEY_BYTES);
    char *claimed = arena_alloc(&x->arena, MEDIA_TYPE_BYTES);
    struct upload_request_file *received = arena_zalloc(&x->arena, sizeof *received);
    struct file_plan *plan = arena_alloc(&x->arena, sizeof *plan);

    if (safe == NULL || key == NULL || claimed == NULL || received == NULL || plan == NULL)
        return err_memory(err);
    if (size > x->services->config.file_max_bytes)
        return err_set(err, ERR_LARGE, "a file may have at most %lld bytes",
                       (long long)x->services->config.file_max_bytes);
    disposition_name(name, name_length, safe);
    disposition_key(safe, strlen(safe), key);
    media_type_normalise(type, claimed);
    *plan = (struct file_plan){.via = "upload",
                               .name = safe,
                               .object_name = key,
                               .claimed_type = claimed,
                               .metadata = "",
                               .size = size,
                               .reserve = most > 0 ? most : 0,
                               .holder = &request->holder};
    received->photo = strcmp(field, "photo") == 0;
    if (!begin_upload(x, plan, received, err))
        return false;
    received->name = safe;
    sha256_init(&received->hash);
    received->field = arena_strdup(&x->arena, field);
    received->type = claimed;
    if (received->field == NULL)
        return err_memory(err);
    *request->last = received;
    request->last = &received->next;
    request->open = received;
    return true;
}

bool upload_request_file_add(struct upload_request_file *received, const void *bytes, size_t length, struct err *err)
{
    if (received->upload != NULL)
        return upload_add(received->upload, bytes, length, err);
    sha256_add(&received->hash, bytes, length);
    return true;
}

bool upload_request_file_end(struct exchange *x, struct err *err)
{
    struct upload_request *request = x->stream;
    struct upload_request_file *received = request->open;

    if (received == NULL || received->upload == NULL) {
        request->open = NULL;
        return true;
    }
    if (!upload_seal(received->upload, err) || !file_typing_begin(x, received->upload, &received->typing, err) ||
        !upload_trim(received->upload, err))
        return false;
    upload_shed(received->upload);
    request->open = NULL;
    return true;
}
