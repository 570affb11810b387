#include "app/file/file_typing.h"

#include "media/media_guess.h"
#include "media/media_sniff.h"

#include <poll.h>
#include <string.h>

enum {
    /*
     * a coroutine waits so long for the answer, which takes some milliseconds; then it checks that the client is still
     * there
     */
    WAIT_MS = 20,
    PAUSE_MS = 3,       /* without a coroutine: between two looks at the answer */
    PATIENCE_MS = 5000, /* for a place; another file has its place for at most two seconds */
};

_Static_assert((int)UPLOAD_HEAD_BYTES >= (int)MEDIA_TYPE_SNIFF_BYTES, "an upload keeps as much as types are told by");

static void release(void *arg)
{
    struct file_typing *typing = arg, *next;
    struct sniffing *sniffing = &typing->x->services->sniffing;

    if (!typing->has_place)
        return;
    typing->has_place = sniffing->places[typing->place].taken = false;
    /* Wakes all: each checks itself whether it gets the place, which may be that of another account. */
    TAILQ_FOREACH(next, &sniffing->line, in_line)
    coroutine_wake(next->waits);
}

static bool settle(struct file_typing *typing, const char *sniffed, struct err *err)
{
    char written[MEDIA_TYPE_WRITTEN_BYTES];

    release(typing);
    media_guess_write(media_type_settle(typing->claimed, sniffed, NULL), typing->head, typing->head_length, written);
    typing->type = arena_strdup(&typing->x->arena, written);
    return typing->type != NULL || err_memory(err);
}

bool file_typing_begin(struct exchange *x, struct upload *upload, struct file_typing **typingp, struct err *err)
{
    struct file_typing *typing = arena_zalloc(&x->arena, sizeof *typing);
    size_t size =
        upload->file.received < MEDIA_TYPE_SNIFF_BYTES ? (size_t)upload->file.received : MEDIA_TYPE_SNIFF_BYTES;
    char *claimed = arena_alloc(&x->arena, MEDIA_TYPE_BYTES);
    const char *known;

    *typingp = typing;
    if (typing == NULL || claimed == NULL || (typing->head = arena_alloc(&x->arena, size + 1)) == NULL)
        return err_memory(err);
    typing->x = x;
    typing->claimed = claimed;
    media_type_normalise(upload->file.claimed_type, claimed);
    if (!upload_head(upload, typing->head, size, &typing->head_length, err))
        return false;
    /* An empty file contradicts no type. */
    known = typing->head_length > 0 ? media_type_known(typing->head, typing->head_length) : claimed;
    return known != NULL ? settle(typing, known, err) : arena_defer(&x->arena, release, typing) || err_memory(err);
}

/* False: this account has a place already, or all are taken. */
static bool take_place(struct file_typing *typing)
{
    struct sniffing *sniffing = &typing->x->services->sniffing;
    const struct uuid *account = &typing->x->session.account;
    size_t free_one = SNIFFS_AT_ONCE;

    for (size_t i = 0; i < SNIFFS_AT_ONCE; i++) {
        if (!sniffing->places[i].taken)
            free_one = i;
        else if (memcmp(&sniffing->places[i].account, account, sizeof *account) == 0)
            return false;
    }
    if (free_one == SNIFFS_AT_ONCE)
        return false;
    sniffing->places[free_one].taken = typing->has_place = true;
    sniffing->places[free_one].account = *account;
    typing->place = free_one;
    return true;
}

/* Waits in the line for some milliseconds, if it runs in a coroutine. */
static bool line_up(struct file_typing *typing)
{
    struct services *services = typing->x->services;
    int64_t until_us = services->clock->monotonic_us() + WAIT_MS * INT64_C(1000);
    bool taken = false, waited = true;

    typing->waits = coroutine_self(services->coroutines);
    if (typing->waits == NULL)
        return false;
    TAILQ_INSERT_TAIL(&services->sniffing.line, typing, in_line);
    while (!taken && waited && services->clock->monotonic_us() < until_us) {
        waited = coroutine_may_wait(services->coroutines) &&
                 coroutine_wait(services->coroutines, services->clock, -1, 0, until_us);
        taken = waited && take_place(typing);
    }
    TAILQ_REMOVE(&services->sniffing.line, typing, in_line);
    typing->waits = NULL;
    return taken;
}

/* Stores the file with a type that claims nothing, since the uploader can't correct the error. */
static bool give_up(struct file_typing *typing, const struct err *reason, struct err *err)
{
    char unknown[MEDIA_TYPE_BYTES];

    log_error(&typing->x->services->log, LOG_WARN, "sniff_failed", reason);
    media_type_normalise(NULL, unknown);
    return settle(typing, unknown, err);
}

static bool wait_for_place(struct file_typing *typing, struct err *err)
{
    int64_t now_us = typing->x->services->clock->monotonic_us();
    struct err reason = {.kind = ERR_NONE};

    typing->x->pause_ms = PAUSE_MS;
    if (typing->until_us == 0)
        typing->until_us = now_us + PATIENCE_MS * INT64_C(1000);
    if (now_us <= typing->until_us)
        return true;
    err_set(&reason, ERR_DOWN, "too many types of files are looked for at once");
    return give_up(typing, &reason, err);
}

/* Waits for the answer as long as one usually takes. Then the caller checks that the client is still there. */
static void look(struct file_typing *typing, char sniffed[MEDIA_TYPE_BYTES], bool *over)
{
    struct services *services = typing->x->services;
    int64_t until_us = services->clock->monotonic_us() + WAIT_MS * INT64_C(1000);

    do
        media_sniff_attend(&services->log, typing->job, 0, over, sniffed);
    while (!*over && services->clock->monotonic_us() < until_us && coroutine_may_wait(services->coroutines) &&
           coroutine_wait(services->coroutines, services->clock, zygote_descriptor(typing->job), POLLIN, until_us));
}

bool file_typing_attend(struct file_typing *typing, struct err *err)
{
    struct services *services = typing->x->services;
    struct err reason = {.kind = ERR_NONE};
    char sniffed[MEDIA_TYPE_BYTES];
    bool over;

    if (typing->type != NULL)
        return true;
    if (!typing->has_place && !take_place(typing) && !line_up(typing))
        return wait_for_place(typing, err);
    if (typing->job == NULL && !media_sniff_start(&services->sniffer, &typing->x->arena, typing->head,
                                                  typing->head_length, &typing->job, &reason))
        return give_up(typing, &reason, err);
    look(typing, sniffed, &over);
    typing->x->pause_ms = PAUSE_MS;
    return !over || settle(typing, media_guess_weigh(sniffed, typing->claimed, typing->head, typing->head_length), err);
}
