#include "app/api.h"
#include "app/file/file_lookup.h"
#include "app/file/thumbnail_request.h"
#include "app/page/query.h"
#include "base/decimal.h"

#include <string.h>

/*
 * GET /files/ID/thumbnail?size=N. The first request makes the thumbnail and stores it like a file; requests that come
 * meanwhile wait for it. thumbnail_request.h says how.
 */

enum { SIZE_DEFAULT = 256 };

static const int sizes[] = {64, 128, 256, 512, 1024};

/* --- Finding a thumbnail, or making it */

/* Answers with the error that the first request got. */
static bool refuse_again(const struct file_thumbnail *found, struct err *err)
{
    static const enum err_kind kinds[] = {ERR_TYPE, ERR_LARGE, ERR_VALUE};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(found->refused, err_word(kinds[i])) == 0)
            return err_set(err, kinds[i], "%s", found->refused_detail);
    return err_set(err, ERR_BUG, "a thumbnail was refused as %s", found->refused);
}

static bool try_to_make(struct exchange *x, struct thumbnail_request *request, struct err *err)
{
    struct services *services = x->services;

    thumbnail_request_queue(request);
    if (thumbnail_request_ahead(services, request) > 0)
        return thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_SHARE, err);
    if (!thumbnail_request_has_room(request))
        return thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_ROOM, err);
    switch (file_thumbnail_claim(&services->files, &x->arena, &request->original, request->box,
                                 thumbnail_request_claim_ms(&services->config), &request->lease, &request->id, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_SHARE, err);
    case DB_ROW:
        break;
    }
    thumbnail_request_unqueue(request);
    thumbnail_request_set_claim(request, true);
    return thumbnail_request_make(x, request, err);
}

/* Whether the storage has no object, or another one than the row says. Any other error may be temporary. */
static bool is_lost(struct exchange *x, const struct file *file, const struct err *reason)
{
    const struct object_ops *back_end = object_ops_named(file->back_end);
    struct err absent = {.kind = ERR_NONE};
    int64_t size;

    if (reason->kind != ERR_BUG || back_end == NULL)
        return reason->kind == ERR_ABSENT;
    if (back_end->size(&x->services->files.objects, &x->arena, &file->object, &size, &absent))
        return size != file->size;
    return absent.kind == ERR_ABSENT;
}

/* Drops a thumbnail whose object is lost, so that the next step finds none and makes it again. */
static bool send_kept(struct exchange *x, const struct file *file, bool *done, struct err *err)
{
    const struct response response = x->response;
    struct err reason = {.kind = ERR_NONE};

    *done = file_send(x, file, &reason);
    if (*done)
        return true;
    if (!is_lost(x, file, &reason)) {
        *err = reason;
        return false;
    }
    LOG_EVENT(&x->services->log, LOG_WARN, "thumbnail_lost", LOG_TEXT("object", file->object.key));
    x->response = response;
    return file_thumbnail_drop(&x->services->files, &x->arena, &file->id, err);
}

static bool find(struct exchange *x, struct thumbnail_request *request, bool *done, struct err *err)
{
    struct file_thumbnail found;

    /* The database is not asked for what this worker knows. */
    if (request->is_queued && thumbnail_request_ahead(x->services, request) > 0)
        return thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_SHARE, err);
    if (request->awaits == THUMBNAIL_AWAITS_ROOM && !thumbnail_request_has_room(request))
        return thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_ROOM, err);
    switch (file_thumbnail_find(&x->services->files, &x->arena, &request->original, request->box, &found, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return try_to_make(x, request, err);
    case DB_ROW:
        break;
    }
    if (found.file.state == FILE_COMMITTED) {
        thumbnail_request_unqueue(request);
        return send_kept(x, &found.file, done, err);
    }
    if (!found.is_claimed)
        return try_to_make(x, request, err);
    thumbnail_request_unqueue(request);
    return found.refused[0] != '\0' ? refuse_again(&found, err)
                                    : thumbnail_request_wait(x, request, THUMBNAIL_AWAITS_MAKER, err);
}

/* --- The job */

static void quit(struct exchange *x)
{
    struct thumbnail_request *request = x->stream;

    if (request->has_claim)
        file_thumbnail_release(&x->services->files, &x->arena, &request->id, &request->lease);
    thumbnail_request_set_claim(request, false);
    /* A client that goes away and asks again has used this time, too. */
    if (request->child != NULL)
        file_thumbnail_spend(&x->services->files, &x->arena, &request->original,
                             (x->services->clock->monotonic_us() - request->child_since_us) / 1000);
    thumbnail_request_set_child(request, NULL);
    thumbnail_request_set_image(request, -1);
}

static bool is_about_the_image(const struct err *err)
{
    return err->kind == ERR_TYPE || err->kind == ERR_LARGE || err->kind == ERR_VALUE;
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    struct thumbnail_request *request = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* the claim then runs out, and another request tries again */

    if (request->stage(x, request, done, err))
        return true;
    if (request->has_claim && thumbnail_request_is_decoded(request) && is_about_the_image(err))
        (void)!file_thumbnail_refuse(&x->services->files, &x->arena, &request->id, &request->lease, err, &ignored);
    else
        quit(x);
    return false;
}

static const struct job job = {.step = step, .quit = quit};

/* --- The request */

static bool read_size(struct exchange *x, int *size, struct err *err)
{
    const char *text;
    int64_t number = SIZE_DEFAULT;

    if (!query_text(x, "size", &text, err))
        return false;
    if (text != NULL && text[0] != '\0' && !decimal_parse(text, 0, INT64_MAX, &number))
        number = -1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i] == number) {
            *size = sizes[i];
            return true;
        }
    return err_field(err, ERR_VALUE, "size", "size: 64, 128, 256, 512 or 1024 pixels");
}

/* Refuses what is not an image, or is too long, by its row. */
static bool check(const struct exchange *x, const struct file *file, struct err *err)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/webp", "image/gif"};
    int64_t most = x->services->config.thumbnail_image_bytes;
    bool known = false;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        known |= strcmp(file->type, types[i]) == 0;
    if (!known)
        return err_set(err, ERR_TYPE, "only JPEG, PNG, WebP and GIF images have thumbnails");
    return file->size <= most ||
           err_set(err, ERR_LARGE, "an image of more than %lld bytes gets no thumbnail", (long long)most);
}

bool api_thumbnail(struct exchange *x, struct err *err)
{
    struct thumbnail_request *request = arena_zalloc(&x->arena, sizeof *request);
    struct thumbnail_load *load = &x->services->thumbnail_load;
    const struct object_ops *back_end;

    if (request == NULL)
        return err_memory(err);
    request->image = -1;
    if (!read_size(x, &request->box, err) || !file_lookup(x, &request->original, err) ||
        !check(x, &request->original, err))
        return false;
    back_end = file_back_end(&request->original, err);
    if (back_end == NULL)
        return false;
    request->images = &load->images[back_end->in_database];
    request->load = load;
    if (!thumbnail_request_enter(x, request, err))
        return false;
    request->lease = uuid_new(x->services->clock);
    request->until_us = thumbnail_request_deadline_us(x->services);
    request->stage = find;
    x->stream = request;
    x->job = &job;
    return true;
}
