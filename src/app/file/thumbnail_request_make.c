#include "app/api.h"
#include "app/file/thumbnail_request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    /* Each takes a processor, and as much memory as thumbnail_memory_bytes says. */
    CHILDREN_AT_ONCE = 2,
    /* Each takes up to thumbnail_image_bytes: so many from PostgreSQL, and as many from the object storage. */
    IMAGES_AT_ONCE = 2,
    /* a coroutine waits so long for the thumbnail; then it checks that the client is still there */
    CHILD_WAIT_MS = 50,
    CHILD_PAUSE_MS = 5, /* without a coroutine: between two looks; decoding an ordinary image takes 20 ms and more */
    CLAIM_BEYOND_MS =
        10000, /* beyond the deadline of the child process: to copy the image and to store the thumbnail */
};

struct keeping {
    struct upload *upload;
    struct arena *arena;
    const char *type;
};

static bool keep(struct db *db, void *arg, struct err *err)
{
    const struct keeping *keeping = arg;

    (void)db;
    return upload_commit(keeping->upload, keeping->arena, keeping->type, err);
}

static bool keep_and_send(struct exchange *x, struct thumbnail_request *request, const struct thumbnail *thumbnail,
                          struct err *err)
{
    struct keeping keeping = {.arena = &x->arena, .type = thumbnail->type};

    switch (file_thumbnail_open(&x->services->files, &x->arena, &request->id, &request->original, &request->lease,
                                &keeping.upload, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_ABSENT, "the image was removed meanwhile");
    case DB_ROW:
        break;
    }
    if (!upload_add(keeping.upload, thumbnail->bytes, thumbnail->length, err) || !upload_seal(keeping.upload, err) ||
        !db_transaction(x->services->files.db, keep, &keeping, err))
        return false;
    thumbnail_request_set_claim(request, false);
    return file_send(x, &keeping.upload->file, err);
}

/* Waits for the thumbnail as long as an ordinary image takes. Then the caller checks that the client is still there. */
static bool look(struct services *services, const struct thumbnail_request *request, bool *done,
                 struct thumbnail *thumbnail, struct err *err)
{
    int64_t until_us = services->clock->monotonic_us() + CHILD_WAIT_MS * INT64_C(1000);
    bool ok;

    do
        ok = thumbnail_attend(&services->config, &services->log, request->child, 0, done, thumbnail, err);
    while (ok && !*done && services->clock->monotonic_us() < until_us && coroutine_may_wait(services->coroutines) &&
           coroutine_wait(services->coroutines, services->clock, zygote_descriptor(request->child), POLLIN, until_us));
    return ok;
}

static bool attend(struct exchange *x, struct thumbnail_request *request, bool *done, struct err *err)
{
    struct thumbnail thumbnail = {.cpu_ms = 0};
    bool ok = look(x->services, request, done, &thumbnail, err);

    if (!ok || *done) {
        thumbnail_request_set_child(request, NULL);
        thumbnail_request_set_image(request, -1);
        file_thumbnail_spend(&x->services->files, &x->arena, &request->original, thumbnail.cpu_ms);
    }
    if (!ok)
        return false;
    x->pause_ms = CHILD_PAUSE_MS;
    return !*done || keep_and_send(x, request, &thumbnail, err);
}

static bool start(struct exchange *x, struct thumbnail_request *request, bool *done, struct err *err)
{
    struct zygote_job *child;

    (void)done;
    if (request->load->children >= CHILDREN_AT_ONCE)
        return thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_CHILD, err);
    request->stage = attend;
    request->child_since_us = x->services->clock->monotonic_us();
    if (!thumbnail_start(&x->services->thumbnailer, &x->services->config, &x->arena, request->image, request->box,
                         &child, err))
        return false;
    thumbnail_request_set_child(request, child);
    return true;
}

static bool copy(struct exchange *x, struct thumbnail_request *request, bool *done, struct err *err)
{
    const void *bytes;
    size_t length;

    if (!file_reader_next(x, request->reader, &bytes, &length, err))
        return false;
    if (length > 0)
        return write(request->image, bytes, length) == (ssize_t)length ||
               err_set(err, ERR_DOWN, "no memory for an image: %s", strerror(errno));
    request->stage = start;
    return start(x, request, done, err);
}

bool thumbnail_request_make(struct exchange *x, struct thumbnail_request *request, struct err *err)
{
    thumbnail_request_set_image(request, memfd_create("image", MFD_CLOEXEC));
    if (request->image < 0)
        return err_set(err, ERR_DOWN, "no memory for an image: %s", strerror(errno));
    request->stage = copy;
    return file_reader_new(x, &request->original, &request->reader, err);
}

bool thumbnail_request_has_room(const struct thumbnail_request *request)
{
    return *request->images < IMAGES_AT_ONCE;
}

int64_t thumbnail_request_claim_ms(const struct config *config)
{
    return config->thumbnail_timeout_ms + CLAIM_BEYOND_MS;
}

bool thumbnail_request_is_decoded(const struct thumbnail_request *request)
{
    return request->stage == attend;
}
