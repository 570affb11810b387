#include "app/api.h"
#include "app/file_answer.h"
#include "app/file_reader.h"
#include "base/thumbnail.h"
#include "http/form.h"
#include "store/file_thumbnail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * GET /files/ID/thumbnail?size=N. It is made by the first who asks and kept like a file; whoever asks meanwhile waits for
 * it. All of it is a job, so a worker serves others while it copies the image, while the child decodes, and while it waits.
 *
 * The image goes to the child in memory without a name (memfd_create): it dies with the request and needs no folder that
 * can be written to, which the units do not give.
 */

enum {
    SIZE_DEFAULT = 256,
    /* Each holds a whole image, and its child as much memory as thumbnail_memory_bytes says. */
    AT_ONCE = 2,
    /* Of one account that wait in one worker, at half of what a worker keeps in hand: a page of files shows a hundred, which two
       or more workers share. */
    ACCOUNT_WAITING_MAX = 32,
    CHILD_PAUSE_MS = 5,      /* an ordinary image takes 20 and more */
    PAUSE_MIN_MS = 20,       /* for somebody else's, then twice as long each time, */
    PAUSE_MAX_MS = 250,      /* up to this; */
    PAUSE_ROOM_MS = 20,      /* and for room in this worker always so long: whoever comes later has no better chance */
    CLAIM_BEYOND_MS = 10000, /* the child's deadline: to copy the image and to keep the thumbnail */
    PATIENCE_BEYOND_MS = 5000, /* the same: to see a maker fail, and try */
};

static const int sizes[] = {64, 128, 256, 512, 1024};

/* What a request waits for. */
enum awaited {
    NOTHING,
    ROOM,  /* in this worker */
    MAKER, /* somebody else, who makes this thumbnail */
    SHARE, /* another thumbnail of the account */
};

struct thumbing {
    struct file original;
    int box;
    int64_t until_us; /* who waits waits no longer */
    int64_t pause_ms;
    enum awaited awaited;
    bool is_crowded; /* it has waited for another thumbnail of its account */
    bool (*stage)(struct exchange *, struct thumbing *, bool *done, struct err *);
    /* From here on only for who makes it. */
    bool has_claim;
    struct uuid id, lease;
    struct file_reader *reader;
    int image; /* descriptor; -1 */
    bool is_counted;
    struct services *services;
    struct child_running *child;
    int64_t child_since_us;
    struct thumbing *next; /* of this worker */
};

/* How many of one account this worker has in hand, most of which wait. */
static int of_account(const struct services *services, const struct uuid *account)
{
    int count = 0;

    for (const struct thumbing *one = services->thumbings; one != NULL; one = one->next)
        count += memcmp(&one->original.account, account, sizeof *account) == 0;
    return count;
}

static void release(void *arg)
{
    struct thumbing *thumbing = arg;
    struct thumbing **place = &thumbing->services->thumbings;

    while (*place != NULL && *place != thumbing)
        place = &(*place)->next;
    if (*place != NULL)
        *place = thumbing->next;
    if (thumbing->image >= 0)
        close(thumbing->image);
    if (thumbing->is_counted)
        thumbing->services->thumbnails_in_hand--;
}

/* --- making */

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

static bool keep_and_send(struct exchange *x, struct thumbing *thumbing, const struct thumbnail *thumbnail,
                          struct err *err)
{
    struct keeping keeping = {.arena = &x->arena, .type = thumbnail->type};

    switch (file_thumbnail_open(&x->services->files, &x->arena, &thumbing->id, &thumbing->original, &thumbing->lease,
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
    thumbing->has_claim = false;
    return file_send(x, &keeping.upload->file, err);
}

static bool attend(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    struct thumbnail thumbnail = {.cpu_ms = 0};
    bool ok = thumbnail_attend(&x->services->config, &x->services->log, thumbing->child, 0, done, &thumbnail, err);

    if (!ok || *done) {
        thumbing->child = NULL;
        file_thumbnail_spend(&x->services->files, &x->arena, &thumbing->original, thumbnail.cpu_ms);
    }
    if (!ok)
        return false;
    x->pause_ms = CHILD_PAUSE_MS;
    return !*done || keep_and_send(x, thumbing, &thumbnail, err);
}

static bool copy(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    const void *bytes;
    size_t length;

    (void)done;
    if (!file_reader_next(x, thumbing->reader, &bytes, &length, err))
        return false;
    if (length > 0)
        return write(thumbing->image, bytes, length) == (ssize_t)length ||
               err_set(err, ERR_DOWN, "no memory for an image: %s", strerror(errno));
    thumbing->stage = attend;
    thumbing->child_since_us = x->services->clock->monotonic_us();
    return thumbnail_start(&x->services->config, &x->arena, thumbing->image, thumbing->box, &thumbing->child, err);
}

static bool begin_copy(struct exchange *x, struct thumbing *thumbing, struct err *err)
{
    thumbing->image = memfd_create("image", MFD_CLOEXEC);
    if (thumbing->image < 0)
        return err_set(err, ERR_DOWN, "no memory for an image: %s", strerror(errno));
    thumbing->stage = copy;
    return file_reader_new(x, &thumbing->original, &thumbing->reader, err);
}

/* --- finding, or waiting */

/* As it was told the first time. */
static bool refuse_again(const struct file_thumbnail *found, struct err *err)
{
    static const enum err_kind kinds[] = {ERR_TYPE, ERR_LARGE, ERR_VALUE};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(found->refused, err_word(kinds[i])) == 0)
            return err_set(err, kinds[i], "%s", found->refused_detail);
    return err_set(err, ERR_BUG, "a thumbnail was refused as %s", found->refused);
}

static bool wait_for(struct exchange *x, struct thumbing *thumbing, enum awaited awaited, struct err *err)
{
    thumbing->awaited = awaited;
    thumbing->is_crowded |= awaited == SHARE;
    if (x->services->clock->monotonic_us() > thumbing->until_us)
        return thumbing->is_crowded
                   ? err_set(err, ERR_LIMIT, "other thumbnails of this account come first; ask again later")
                   : err_set(err, ERR_DOWN, "a thumbnail is not made in time");
    if (awaited == ROOM) {
        x->pause_ms = PAUSE_ROOM_MS;
        return true;
    }
    x->pause_ms = thumbing->pause_ms;
    thumbing->pause_ms = thumbing->pause_ms * 2 < PAUSE_MAX_MS ? thumbing->pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

static bool try_to_make(struct exchange *x, struct thumbing *thumbing, struct err *err)
{
    struct services *services = x->services;

    if (services->thumbnails_in_hand >= AT_ONCE)
        return wait_for(x, thumbing, ROOM, err);
    switch (file_thumbnail_claim(&services->files, &x->arena, &thumbing->original, thumbing->box,
                                 services->config.thumbnail_timeout_ms + CLAIM_BEYOND_MS, &thumbing->lease,
                                 &thumbing->id, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return wait_for(x, thumbing, SHARE, err);
    case DB_ROW:
        break;
    }
    thumbing->has_claim = true;
    thumbing->is_counted = true;
    services->thumbnails_in_hand++;
    return begin_copy(x, thumbing, err);
}

static bool find(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    struct file_thumbnail found;

    if (thumbing->awaited == ROOM && x->services->thumbnails_in_hand >= AT_ONCE)
        return wait_for(x, thumbing, ROOM, err);
    switch (file_thumbnail_find(&x->services->files, &x->arena, &thumbing->original, thumbing->box, &found, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return try_to_make(x, thumbing, err);
    case DB_ROW:
        break;
    }
    if (found.file.state == FILE_COMMITTED) {
        *done = true;
        return file_send(x, &found.file, err);
    }
    if (!found.is_claimed)
        return try_to_make(x, thumbing, err);
    return found.refused[0] != '\0' ? refuse_again(&found, err) : wait_for(x, thumbing, MAKER, err);
}

/* --- the job */

static void quit(struct exchange *x)
{
    struct thumbing *thumbing = x->stream;

    if (thumbing->has_claim)
        file_thumbnail_release(&x->services->files, &x->arena, &thumbing->id, &thumbing->lease);
    thumbing->has_claim = false;
    /* A client that went away to begin anew has had this, too. */
    if (thumbing->child != NULL)
        file_thumbnail_spend(&x->services->files, &x->arena, &thumbing->original,
                             (x->services->clock->monotonic_us() - thumbing->child_since_us) / 1000);
    thumbing->child = NULL;
}

static bool is_about_the_image(const struct err *err)
{
    return err->kind == ERR_TYPE || err->kind == ERR_LARGE || err->kind == ERR_VALUE;
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    struct thumbing *thumbing = x->stream;
    struct err ignored = {.kind = ERR_NONE}; /* then the claim runs out, and somebody tries again */

    if (thumbing->stage(x, thumbing, done, err))
        return true;
    if (thumbing->has_claim && thumbing->stage == attend && is_about_the_image(err))
        (void)!file_thumbnail_refuse(&x->services->files, &x->arena, &thumbing->id, &thumbing->lease, err, &ignored);
    else
        quit(x);
    return false;
}

static const struct job job = {.step = step, .quit = quit};

static bool read_size(struct exchange *x, int *size, struct err *err)
{
    const char *text;
    json_t *query;
    char *end;
    long number = SIZE_DEFAULT;

    if (!form_read(&x->arena, x->request.query, strlen(x->request.query), &query, err) ||
        !json_text(query, "size", &text, err))
        return false;
    if (text != NULL && text[0] != '\0') {
        number = strtol(text, &end, 10);
        if (*end != '\0')
            number = -1;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i] == number) {
            *size = sizes[i];
            return true;
        }
    return err_field(err, ERR_VALUE, "size", "size: 64, 128, 256, 512 or 1024 pixels");
}

/* What is no image or too long is refused without a look at it. */
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
    struct thumbing *thumbing = arena_zalloc(&x->arena, sizeof *thumbing);
    int64_t patience_ms = x->services->config.thumbnail_timeout_ms + PATIENCE_BEYOND_MS;

    if (thumbing == NULL)
        return err_memory(err);
    thumbing->image = -1;
    thumbing->services = x->services;
    if (!arena_defer(&x->arena, release, thumbing))
        return err_memory(err);
    if (!read_size(x, &thumbing->box, err) || !file_answer_find(x, &thumbing->original, err) ||
        !check(x, &thumbing->original, err))
        return false;
    if (of_account(x->services, &thumbing->original.account) >= ACCOUNT_WAITING_MAX) {
        err_set(err, ERR_LIMIT, "too many thumbnails of this account are asked for at once; ask again later");
        err->retry_after_s = 1;
        return false;
    }
    thumbing->next = x->services->thumbings;
    x->services->thumbings = thumbing;
    thumbing->lease = uuid_new(x->services->clock);
    thumbing->until_us = x->services->clock->monotonic_us() + patience_ms * 1000;
    thumbing->pause_ms = PAUSE_MIN_MS;
    thumbing->stage = find;
    x->stream = thumbing;
    x->job = &job;
    return true;
}
