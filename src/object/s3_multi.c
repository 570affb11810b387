#include "object/s3_multi.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <unistd.h>

enum { EVENTS_MAX = 16 };

/*
 * One of the waiting transfers is the driver: it waits for libcurl's sockets and for the time that libcurl asks for,
 * and reports both to libcurl for all transfers. The others wait to be woken: when their transfer is over, or when the
 * driver's is and another one has to become the driver.
 */
struct transfer {
    CURLcode code;
    bool is_over;
    struct coroutine *waiter;
    LIST_ENTRY(transfer) in_all;
};

struct s3_multi {
    const struct libcurl *lib;
    const struct clock *clock;
    struct coroutines *set;
    CURLM *curl;
    int epoll_fd;   /* libcurl's sockets */
    int64_t due_us; /* when libcurl has something to do even if no socket is ready */
    LIST_HEAD(, transfer) all;
    bool is_driven;
    struct coroutine *driver;
};

/* --- Callbacks of libcurl */

/* libcurl calls this to change the events of a socket. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct s3_multi *multi = arg;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    (void)of_socket;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(multi->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    if (epoll_ctl(multi->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
        epoll_ctl(multi->epoll_fd, EPOLL_CTL_ADD, fd, &event); /* on failure the deadline of the transfer ends it */
    return 0;
}

static void collect_ends(struct s3_multi *multi)
{
    const CURLMsg *message;
    int left;

    while ((message = multi->lib->multi_info_read(multi->curl, &left)) != NULL) {
        struct transfer *transfer;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE ||
            multi->lib->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) != CURLE_OK || private == NULL)
            continue;
        transfer = (struct transfer *)(void *)private;
        transfer->code = message->data.result;
        transfer->is_over = true;
        coroutine_wake(transfer->waiter);
    }
}

/*
 * Asks for libcurl's time instead of using its callback, which is not called again for a time that it has reported
 * before and that came a moment too early.
 */
static void ask_for_time(struct s3_multi *multi)
{
    int64_t before_us = multi->due_us;
    long ms = -1;

    multi->lib->multi_timeout(multi->curl, &ms);
    multi->due_us = ms < 0 ? COROUTINE_NEVER : multi->clock->monotonic_us() + ms * INT64_C(1000);
    if (multi->is_driven && multi->due_us < before_us)
        coroutine_wake(multi->driver);
}

static void act(struct s3_multi *multi, curl_socket_t fd, int events)
{
    int running;

    multi->lib->multi_socket_action(multi->curl, fd, events, &running);
}

/* Handles sockets that are ready and times that have come. */
static void get_on(struct s3_multi *multi)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(multi->epoll_fd, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        int what = ((events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                   ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);

        act(multi, events[i].data.fd, what);
    }
    act(multi, CURL_SOCKET_TIMEOUT, 0);
    collect_ends(multi);
    ask_for_time(multi);
}

/* --- Waiting */

static bool drive(struct s3_multi *multi)
{
    bool ok;

    multi->is_driven = true;
    multi->driver = coroutine_self(multi->set);
    ok = coroutine_wait(multi->set, multi->clock, multi->epoll_fd, POLLIN, multi->due_us);
    multi->is_driven = false;
    multi->driver = NULL;
    if (ok)
        get_on(multi);
    return ok;
}

static bool wait_for(struct s3_multi *multi, struct transfer *transfer)
{
    bool ok = true;

    while (ok && !transfer->is_over)
        ok = multi->is_driven ? coroutine_wait(multi->set, multi->clock, -1, 0, COROUTINE_NEVER) : drive(multi);
    return ok;
}

/* Removes a transfer. If it was the driver, another becomes the driver. */
static void forget(struct s3_multi *multi, struct transfer *transfer)
{
    struct transfer *other;

    LIST_REMOVE(transfer, in_all);
    if (multi->is_driven)
        return;
    LIST_FOREACH(other, &multi->all, in_all)
    if (!other->is_over) {
        coroutine_wake(other->waiter);
        break;
    }
}

bool s3_multi_perform(struct s3_multi *multi, CURL *easy, CURLcode *code, struct err *err)
{
    struct transfer transfer = {.waiter = coroutine_self(multi->set)};
    CURLMcode added;
    bool ok;

    multi->lib->easy_setopt(easy, CURLOPT_PRIVATE, (void *)&transfer);
    added = multi->lib->multi_add_handle(multi->curl, easy);
    if (added != CURLM_OK)
        return err_set(err, ERR_DOWN, "libcurl: %s", multi->lib->multi_strerror(added));
    LIST_INSERT_HEAD(&multi->all, &transfer, in_all);
    get_on(multi);
    ok = wait_for(multi, &transfer);
    *code = transfer.code;
    multi->lib->multi_remove_handle(multi->curl, easy);
    ask_for_time(multi);
    forget(multi, &transfer);
    return ok || err_set(err, ERR_DOWN, "the exchange with S3 is given up, since this process ends");
}

/* --- A transfer */

static bool start(struct s3_multi *multi, int connections)
{
    const struct libcurl *lib = multi->lib;
    curl_socket_callback on = on_socket;

    multi->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    multi->curl = lib->multi_init();
    return multi->epoll_fd >= 0 && multi->curl != NULL &&
           lib->multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on) == CURLM_OK &&
           lib->multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, (void *)multi) == CURLM_OK &&
           lib->multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)connections) == CURLM_OK;
}

bool s3_multi_new(struct s3_multi **multip, const struct libcurl *lib, const struct clock *clock,
                  struct coroutines *set, int connections, struct err *err)
{
    struct s3_multi *multi = calloc(1, sizeof *multi);

    *multip = NULL;
    if (multi == NULL)
        return err_memory(err);
    multi->lib = lib;
    multi->clock = clock;
    multi->set = set;
    multi->due_us = COROUTINE_NEVER;
    if (!start(multi, connections)) {
        s3_multi_free(multi);
        return err_set(err, ERR_DOWN, "libcurl can't start");
    }
    *multip = multi;
    return true;
}

void s3_multi_free(struct s3_multi *multi)
{
    if (multi == NULL)
        return;
    multi->lib->multi_cleanup(multi->curl);
    if (multi->epoll_fd >= 0)
        close(multi->epoll_fd);
    free(multi);
}
