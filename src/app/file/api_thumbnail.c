#include "app/api.h"
#include "app/file/file_answer.h"
#include "app/file/file_reader.h"
#include "app/page/query.h"
#include "base/decimal.h"
#include "media/thumbnail.h"
#include "store/file_thumbnail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

/*
 * GET /files/ID/thumbnail?size=N. It is made by the first who asks and kept like a file; whoever asks meanwhile waits for
 * it. All of it is a job, so a worker serves others while it copies the image, while the child decodes, and while it waits.
 *
 * The image goes to the child in memory without a name (memfd_create): it dies with the request and needs no folder that
 * can be written to, which the units do not give.
 *
 * What a worker has little of is counted by itself: children, and images in memory. Who waits for the object storage has no
 * child, and the images that come from there are counted apart from PostgreSQL's, so a slow storage holds up nobody else.
 */

enum {
    SIZE_DEFAULT = 256,
    /* Each has a processor, and as much memory as thumbnail_memory_bytes says. */
    CHILDREN_AT_ONCE = 2,
    /* Each is up to thumbnail_image_bytes; so many from PostgreSQL, and as many from the storage. */
    IMAGES_AT_ONCE = 2,
    /* Of one account, in one worker, most of which wait: a page of GET /files may be FILE_PAGE_MAX images, and HTTP/2 asks for all of
       them at once. nginx lets an address have as many requests (limit_conn mayfly_address), and worker_streams_max more streams. */
    ACCOUNT_WAITING_MAX = 256,
    CHILD_PAUSE_MS = 5, /* an ordinary image takes 20 and more */
    PAUSE_MIN_MS = 20,  /* for somebody else's, then twice as long each time, */
    PAUSE_MAX_MS = 250, /* up to this; */
    PAUSE_HERE_MS = 20, /* for what this worker itself knows of, so that nobody is asked: so long for each before it, */
    PAUSE_HERE_MAX_MS = 500,   /* up to this */
    CLAIM_BEYOND_MS = 10000,   /* the child's deadline: to copy the image and to keep the thumbnail */
    PATIENCE_BEYOND_MS = 5000, /* the same: to see a maker fail, and try */
    /* A hundred photographs of an account, one after the other, take 20 s; nginx waits for 120. */
    SHARE_PATIENCE_MS = 30000,
};

_Static_assert((int)ACCOUNT_WAITING_MAX >= (int)FILE_PAGE_MAX, "a page is shown whole");

static const int sizes[] = {64, 128, 256, 512, 1024};

/* What a request waits for. */
enum awaited {
    NOTHING,
    ROOM,  /* in this worker, for one more image */
    CHILD, /* the same, for one more child */
    MAKER, /* somebody else, who makes this thumbnail */
    SHARE, /* another thumbnail of the account */
};

/* Requests of one account for thumbnails of its files. */
struct thumbing_account {
    struct uuid id;
    int count;                   /* in hand */
    int making;                  /* of these */
    TAILQ_HEAD(, thumbing) line; /* those that want to make one, as they came; only the first of them asks */
    LIST_ENTRY(thumbing_account) in_all;
};

struct thumbing {
    struct file original;
    int box;
    int64_t until_us; /* who waits waits no longer */
    int64_t pause_ms;
    enum awaited awaited;
    bool is_crowded; /* it has waited for another thumbnail of its account */
    bool (*stage)(struct exchange *, struct thumbing *, bool *done, struct err *);
    struct thumbings *all;
    struct thumbing_account *account;
    bool is_in_line;
    TAILQ_ENTRY(thumbing) in_line;
    /* From here on only for who makes it. */
    bool has_claim;
    struct uuid id, lease;
    struct file_reader *reader;
    int *images; /* the count of those that are stored where this one is */
    int image;   /* descriptor; -1 */
    struct zygote_job *child;
    int64_t child_since_us;
};

static struct thumbing_account *account_of(struct thumbings *all, const struct uuid *id)
{
    struct thumbing_account *account;

    LIST_FOREACH(account, &all->accounts, in_all)
    if (memcmp(&account->id, id, sizeof *id) == 0)
        return account;
    account = calloc(1, sizeof *account);
    if (account == NULL)
        return NULL;
    account->id = *id;
    TAILQ_INIT(&account->line);
    LIST_INSERT_HEAD(&all->accounts, account, in_all);
    return account;
}

static void leave_line(struct thumbing *thumbing)
{
    if (thumbing->is_in_line)
        TAILQ_REMOVE(&thumbing->account->line, thumbing, in_line);
    thumbing->is_in_line = false;
}

static void join_line(struct thumbing *thumbing)
{
    if (!thumbing->is_in_line)
        TAILQ_INSERT_TAIL(&thumbing->account->line, thumbing, in_line);
    thumbing->is_in_line = true;
}

/* How many of its account come before it, in this worker. */
static int before(const struct services *services, const struct thumbing *thumbing)
{
    const struct thumbing *one;
    int count = thumbing->account->making >= services->config.thumbnail_account_at_once;

    TAILQ_FOREACH(one, &thumbing->account->line, in_line)
    {
        if (one == thumbing)
            break;
        count++;
    }
    return count;
}

static void note_child(struct thumbing *thumbing, struct zygote_job *child)
{
    thumbing->all->children += (child != NULL) - (thumbing->child != NULL);
    thumbing->child = child;
}

static void note_image(struct thumbing *thumbing, int image)
{
    if (thumbing->image >= 0)
        close(thumbing->image);
    *thumbing->images += (image >= 0) - (thumbing->image >= 0);
    thumbing->image = image;
}

static void note_claim(struct thumbing *thumbing, bool has_claim)
{
    thumbing->account->making += has_claim - thumbing->has_claim;
    thumbing->has_claim = has_claim;
}

static void release(void *arg)
{
    struct thumbing *thumbing = arg;
    struct thumbing_account *account = thumbing->account;

    leave_line(thumbing);
    note_child(thumbing, NULL);
    note_image(thumbing, -1);
    note_claim(thumbing, false);
    if (--account->count > 0)
        return;
    LIST_REMOVE(account, in_all);
    free(account);
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
    note_claim(thumbing, false);
    return file_send(x, &keeping.upload->file, err);
}

static bool attend(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    struct thumbnail thumbnail = {.cpu_ms = 0};
    bool ok = thumbnail_attend(&x->services->config, &x->services->log, thumbing->child, 0, done, &thumbnail, err);

    if (!ok || *done) {
        note_child(thumbing, NULL);
        note_image(thumbing, -1);
        file_thumbnail_spend(&x->services->files, &x->arena, &thumbing->original, thumbnail.cpu_ms);
    }
    if (!ok)
        return false;
    x->pause_ms = CHILD_PAUSE_MS;
    return !*done || keep_and_send(x, thumbing, &thumbnail, err);
}

static bool wait_for(struct exchange *, struct thumbing *, enum awaited, struct err *);

static bool start(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    struct zygote_job *child;

    (void)done;
    if (thumbing->all->children >= CHILDREN_AT_ONCE)
        return wait_for(x, thumbing, CHILD, err);
    thumbing->stage = attend;
    thumbing->child_since_us = x->services->clock->monotonic_us();
    if (!thumbnail_start(&x->services->thumbnailer, &x->services->config, &x->arena, thumbing->image, thumbing->box,
                         &child, err))
        return false;
    note_child(thumbing, child);
    return true;
}

static bool copy(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    const void *bytes;
    size_t length;

    if (!file_reader_next(x, thumbing->reader, &bytes, &length, err))
        return false;
    if (length > 0)
        return write(thumbing->image, bytes, length) == (ssize_t)length ||
               err_set(err, ERR_DOWN, "no memory for an image: %s", strerror(errno));
    thumbing->stage = start;
    return start(x, thumbing, done, err);
}

static bool begin_copy(struct exchange *x, struct thumbing *thumbing, struct err *err)
{
    note_image(thumbing, memfd_create("image", MFD_CLOEXEC));
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

/* For others of the account, for room, or for a child: what this worker knows of by itself. */
static bool wait_here(struct exchange *x, struct thumbing *thumbing, int ahead)
{
    /* Each of those before it takes as long at least. */
    int64_t pause_ms = (int64_t)PAUSE_HERE_MS * (1 + ahead);

    x->pause_ms = pause_ms < PAUSE_HERE_MAX_MS ? pause_ms : PAUSE_HERE_MAX_MS;
    thumbing->pause_ms = PAUSE_MIN_MS;
    return true;
}

static bool wait_for(struct exchange *x, struct thumbing *thumbing, enum awaited awaited, struct err *err)
{
    int ahead = 0;

    thumbing->awaited = awaited;
    if (awaited == SHARE || awaited == ROOM) {
        join_line(thumbing);
        ahead = before(x->services, thumbing);
    }
    if (awaited == SHARE && !thumbing->is_crowded) {
        thumbing->is_crowded = true;
        thumbing->until_us = x->started_us + SHARE_PATIENCE_MS * INT64_C(1000);
    }
    if (x->services->clock->monotonic_us() > thumbing->until_us)
        return thumbing->is_crowded
                   ? err_set(err, ERR_LIMIT, "other thumbnails of this account come first; ask again later")
                   : err_set(err, ERR_DOWN, "a thumbnail is not made in time");
    if (awaited == ROOM || awaited == CHILD || ahead > 0)
        return wait_here(x, thumbing, ahead);
    x->pause_ms = thumbing->pause_ms;
    thumbing->pause_ms = thumbing->pause_ms * 2 < PAUSE_MAX_MS ? thumbing->pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

static bool has_room(const struct thumbing *thumbing)
{
    return *thumbing->images < IMAGES_AT_ONCE;
}

static bool try_to_make(struct exchange *x, struct thumbing *thumbing, struct err *err)
{
    struct services *services = x->services;

    join_line(thumbing);
    if (before(services, thumbing) > 0)
        return wait_for(x, thumbing, SHARE, err);
    if (!has_room(thumbing))
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
    leave_line(thumbing);
    note_claim(thumbing, true);
    return begin_copy(x, thumbing, err);
}

/* Whether the storage has another object than the row says, or none. Whatever else fails may pass. */
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

/* One that is lost goes, so that the next turn finds none and makes it anew. */
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

static bool find(struct exchange *x, struct thumbing *thumbing, bool *done, struct err *err)
{
    struct file_thumbnail found;

    /* What this worker knows already need not be asked. */
    if (thumbing->is_in_line && before(x->services, thumbing) > 0)
        return wait_for(x, thumbing, SHARE, err);
    if (thumbing->awaited == ROOM && !has_room(thumbing))
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
        leave_line(thumbing);
        return send_kept(x, &found.file, done, err);
    }
    if (!found.is_claimed)
        return try_to_make(x, thumbing, err);
    leave_line(thumbing);
    return found.refused[0] != '\0' ? refuse_again(&found, err) : wait_for(x, thumbing, MAKER, err);
}

/* --- the job */

static void quit(struct exchange *x)
{
    struct thumbing *thumbing = x->stream;

    if (thumbing->has_claim)
        file_thumbnail_release(&x->services->files, &x->arena, &thumbing->id, &thumbing->lease);
    note_claim(thumbing, false);
    /* A client that went away to begin anew has had this, too. */
    if (thumbing->child != NULL)
        file_thumbnail_spend(&x->services->files, &x->arena, &thumbing->original,
                             (x->services->clock->monotonic_us() - thumbing->child_since_us) / 1000);
    note_child(thumbing, NULL);
    note_image(thumbing, -1);
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
    const struct object_ops *back_end;
    struct thumbings *all = &x->services->thumbings;

    if (thumbing == NULL)
        return err_memory(err);
    thumbing->image = -1;
    if (!read_size(x, &thumbing->box, err) || !file_answer_find(x, &thumbing->original, err) ||
        !check(x, &thumbing->original, err))
        return false;
    back_end = file_back_end(&thumbing->original, err);
    if (back_end == NULL)
        return false;
    thumbing->images = &all->images[back_end->in_database];
    thumbing->all = all;
    thumbing->account = account_of(all, &thumbing->original.account);
    if (thumbing->account == NULL)
        return err_memory(err);
    thumbing->account->count++;
    if (!arena_defer(&x->arena, release, thumbing)) {
        release(thumbing);
        return err_memory(err);
    }
    if (thumbing->account->count > ACCOUNT_WAITING_MAX) {
        err_set(err, ERR_LIMIT, "too many thumbnails of this account are asked for at once; ask again later");
        err->retry_after_s = 1;
        return false;
    }
    thumbing->lease = uuid_new(x->services->clock);
    thumbing->until_us = x->services->clock->monotonic_us() + patience_ms * 1000;
    thumbing->pause_ms = PAUSE_MIN_MS;
    thumbing->stage = find;
    x->stream = thumbing;
    x->job = &job;
    return true;
}
