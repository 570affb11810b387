#include "base/coroutine.h"

#include "base/fiber.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <unistd.h>

enum {
    /* Stacks that are kept for the next ones; a worker that is busy begins and ends a few in each round of its loop. */
    SPARE_MAX = 8,
    EVENTS_MAX = 64,
};

enum coroutine_state { RUNNING, WAITING, READY };

struct coroutine {
    struct coroutines *set;
    LIST_ENTRY(coroutine) in_all; /* of the set */
    STAILQ_ENTRY(coroutine) in_ready;
    struct fiber *fiber;
    void *arg;
    bool may_wait;
    enum coroutine_state state;
    int64_t until_us;
};

struct coroutines {
    const struct clock *clock;
    int epoll_fd;
    bool cancelled;
    LIST_HEAD(, coroutine) all;
    struct coroutine *self;
    STAILQ_HEAD(, coroutine) ready;
    size_t ready_count;
    struct fiber *spare[SPARE_MAX];
    size_t spare_count;
};

/* --- The set */

bool coroutines_new(struct coroutines **setp, const struct clock *clock, struct err *err)
{
    struct coroutines *set = calloc(1, sizeof *set);

    *setp = NULL;
    if (set == NULL)
        return err_memory(err);
    set->clock = clock;
    STAILQ_INIT(&set->ready);
    set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (set->epoll_fd < 0) {
        free(set);
        return err_set(err, ERR_BUG, "epoll_create1: %s", strerror(errno));
    }
    *setp = set;
    return true;
}

void coroutines_free(struct coroutines *set)
{
    if (set == NULL)
        return;
    while (set->spare_count > 0)
        fiber_free(set->spare[--set->spare_count]);
    close(set->epoll_fd);
    free(set);
}

int coroutines_fd(const struct coroutines *set)
{
    return set->epoll_fd;
}

/* There are few, so a list is enough. */
int coroutines_timeout_ms(const struct coroutines *set, int timeout_ms)
{
    int64_t now_us = set->clock->monotonic_us(), least_us = timeout_ms * INT64_C(1000);
    const struct coroutine *one;

    if (set->ready_count > 0)
        return 0;
    LIST_FOREACH(one, &set->all, in_all)
    if (one->state == WAITING && one->until_us - now_us < least_us)
        least_us = one->until_us - now_us;
    return least_us > 0 ? (int)((least_us + 999) / 1000) : 0;
}

void coroutine_wake(struct coroutine *coroutine)
{
    struct coroutines *set;

    if (coroutine == NULL || coroutine->state != WAITING)
        return;
    set = coroutine->set;
    coroutine->state = READY;
    STAILQ_INSERT_TAIL(&set->ready, coroutine, in_ready);
    set->ready_count++;
}

size_t coroutines_gather(struct coroutines *set)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now_us = set->clock->monotonic_us();
    int count = LIST_EMPTY(&set->all) ? 0 : epoll_wait(set->epoll_fd, events, EVENTS_MAX, 0);
    struct coroutine *one;

    for (int i = 0; i < count; i++)
        coroutine_wake(events[i].data.ptr);
    LIST_FOREACH(one, &set->all, in_all)
    if (one->until_us <= now_us || set->cancelled)
        coroutine_wake(one);
    return set->ready_count;
}

struct coroutine *coroutines_next(struct coroutines *set)
{
    struct coroutine *coroutine = STAILQ_FIRST(&set->ready);

    if (coroutine == NULL)
        return NULL;
    STAILQ_REMOVE_HEAD(&set->ready, in_ready);
    set->ready_count--;
    return coroutine;
}

void coroutines_cancel(struct coroutines *set)
{
    set->cancelled = true;
}

/* --- One of them */

struct coroutine *coroutine_new(struct coroutines *set, bool may_wait, void (*run)(void *), void *arg)
{
    struct coroutine *coroutine = calloc(1, sizeof *coroutine);

    if (coroutine == NULL)
        return NULL;
    coroutine->fiber = set->spare_count > 0 ? set->spare[--set->spare_count] : fiber_new();
    if (coroutine->fiber == NULL) {
        free(coroutine);
        return NULL;
    }
    fiber_prepare(coroutine->fiber, run, arg);
    coroutine->set = set;
    coroutine->may_wait = may_wait;
    coroutine->arg = arg;
    LIST_INSERT_HEAD(&set->all, coroutine, in_all);
    return coroutine;
}

static void forget(struct coroutine *coroutine)
{
    struct coroutines *set = coroutine->set;

    LIST_REMOVE(coroutine, in_all);
    if (set->spare_count < SPARE_MAX)
        set->spare[set->spare_count++] = coroutine->fiber;
    else
        fiber_free(coroutine->fiber);
    free(coroutine);
}

void *coroutine_arg(const struct coroutine *coroutine)
{
    return coroutine->arg;
}

bool coroutine_resume(struct coroutine *coroutine)
{
    struct coroutines *set = coroutine->set;
    bool ended;

    set->self = coroutine;
    coroutine->state = RUNNING;
    ended = fiber_enter(coroutine->fiber);
    set->self = NULL;
    if (ended)
        forget(coroutine);
    return ended;
}

struct coroutine *coroutine_self(const struct coroutines *set)
{
    return set != NULL ? set->self : NULL;
}

/* --- Waiting */

/* Waits without a loop that could serve others meanwhile. */
static bool wait_here(const struct clock *clock, int fd, short events, int64_t until_us)
{
    struct pollfd watched = {.fd = fd, .events = events};
    int64_t left_us = until_us == COROUTINE_NEVER ? INT64_MAX : until_us - clock->monotonic_us();
    int64_t left_ms = left_us / 1000 + (left_us % 1000 > 0);

    if (left_us <= 0)
        return true;
    /* After a signal or a wait that was cut short the caller looks again. */
    (void)!poll(&watched, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    return true;
}

bool coroutine_may_wait(const struct coroutines *set)
{
    return set == NULL || (set->self != NULL && set->self->may_wait && !set->cancelled);
}

bool coroutine_wait(struct coroutines *set, const struct clock *clock, int fd, short events, int64_t until_us)
{
    struct coroutine *self = coroutine_self(set);
    struct epoll_event event = {.events = (uint32_t)events, .data.ptr = self};

    if (set == NULL)
        return wait_here(clock, fd, events, until_us);
    if (!coroutine_may_wait(set) || (fd >= 0 && epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0))
        return false;
    self->state = WAITING;
    self->until_us = until_us;
    fiber_leave(self->fiber);
    /* When the descriptor was closed meanwhile, the set has removed it already. */
    if (fd >= 0)
        epoll_ctl(set->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    return !set->cancelled;
}
