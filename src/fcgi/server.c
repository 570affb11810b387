#include "fcgi/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

enum {
    LISTEN_FD = 0,
    EVENTS_MAX = 64,
};

/* Tells the source of an event: connections have their own address, and descriptors that others watch have none. */
static const char listen_mark = 'l', signal_mark = 's';

static bool watch(struct fcgi_server *server, int fd, uint32_t events, const void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = (void *)(uintptr_t)mark};

    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/*
 * EPOLLEXCLUSIVE wakes the first idle waiter in the order of registration, so one worker would get nearly all
 * connections. A worker that has just accepted registers again and so goes to the end of the queue.
 */
static void watch_listener(struct fcgi_server *server, bool wanted)
{
    if (server->listening)
        epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, LISTEN_FD, NULL);
    server->listening = wanted && watch(server, LISTEN_FD, EPOLLIN | EPOLLEXCLUSIVE, &listen_mark);
}

static bool check_listener(struct err *err)
{
    int listening = 0;
    socklen_t size = sizeof listening;

    if (getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0)
        return err_set(err, ERR_INPUT,
                       "descriptor 0 is not a listening socket; start with "
                       "spawn-fcgi -n -s SOCKET -- mayfly-worker …");
    if (fcntl(LISTEN_FD, F_SETFL, fcntl(LISTEN_FD, F_GETFL) | O_NONBLOCK) != 0)
        return err_set(err, ERR_BUG, "O_NONBLOCK: %s", strerror(errno));
    return true;
}

/* libfcgi takes a signal inside read(2) for the end of a body, so no signal may be delivered. */
static int open_signals(void)
{
    static const int stopping[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++)
        sigaddset(&set, stopping[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool fcgi_server_new(struct fcgi_server **serverp, const struct clock *clock, const struct log *log,
                     size_t connections_max, int64_t request_timeout_ms, int64_t stream_timeout_ms, struct err *err)
{
    struct fcgi_server *server;

    *serverp = NULL;
    if (!check_listener(err))
        return false;
    server = calloc(1, sizeof *server);
    if (server == NULL)
        return err_memory(err);
    TAILQ_INIT(&server->due);
    server->clock = clock;
    server->log = log;
    server->connections_max = connections_max;
    server->request_timeout_ms = request_timeout_ms;
    server->stream_timeout_ms = stream_timeout_ms;
    server->signal_fd = open_signals();
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!fcgi_decoder_open(&server->decoder) || server->signal_fd < 0 || server->epoll_fd < 0 ||
        !watch(server, server->signal_fd, EPOLLIN, &signal_mark)) {
        fcgi_server_free(server);
        return err_set(err, ERR_BUG, "event loop: %s", strerror(errno));
    }
    watch_listener(server, true);
    *serverp = server;
    return true;
}

void fcgi_server_free(struct fcgi_server *server)
{
    if (server == NULL)
        return;
    while (!LIST_EMPTY(&server->all))
        fcgi_abandon(LIST_FIRST(&server->all), "this worker ends");
    if (server->epoll_fd >= 0)
        close(server->epoll_fd);
    if (server->signal_fd >= 0)
        close(server->signal_fd);
    fcgi_decoder_close(&server->decoder);
    free(server);
}

enum fcgi_stop fcgi_server_stopping(const struct fcgi_server *server)
{
    return server->asked > server->stop ? server->asked : server->stop;
}

/* nginx then finds no socket, sends nothing, and goes to the other pool at once. */
static void unlink_listener(void)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;

    if (getsockname(LISTEN_FD, (struct sockaddr *)&address, &size) == 0 && address.sun_family == AF_UNIX &&
        size > sizeof address.sun_family && address.sun_path[0] != '\0')
        unlink(address.sun_path);
}

void fcgi_server_stop(struct fcgi_server *server, enum fcgi_stop stop)
{
    if (stop <= server->stop)
        return;
    server->stop = stop;
    if (stop == FCGI_LEAVE)
        unlink_listener();
    else
        watch_listener(server, false);
}

bool fcgi_server_forked(struct fcgi_server *server, struct err *err)
{
    int fd = open_signals();

    epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->signal_fd, NULL);
    close(server->signal_fd);
    server->signal_fd = fd;
    return (fd >= 0 && watch(server, fd, EPOLLIN, &signal_mark)) ||
           err_set(err, ERR_BUG, "event loop: %s", strerror(errno));
}

bool fcgi_server_watch(struct fcgi_server *server, int fd, struct err *err)
{
    return watch(server, fd, EPOLLIN, NULL) || err_set(err, ERR_BUG, "event loop: %s", strerror(errno));
}

size_t fcgi_server_connections(const struct fcgi_server *server)
{
    return server->connections;
}

void fcgi_server_pause(struct fcgi_server *server, bool paused)
{
    paused = paused || server->connections >= server->connections_max;
    if (paused == server->paused)
        return;
    server->paused = paused;
    if (server->stop != FCGI_RECYCLE)
        watch_listener(server, !paused);
}

void fcgi_server_let_go(struct fcgi_server *server, int64_t within_ms)
{
    int64_t now_us = server->clock->monotonic_us();
    struct fcgi_request *connection;

    server->lets_go = true;
    LIST_FOREACH(connection, &server->all, in_all)
    if (connection->state == FCGI_IDLE && connection->wake_at_us == 0)
        fcgi_wake_at(connection, now_us + random_below((uint32_t)within_ms * 1000 + 1));
}

static void read_signals(struct fcgi_server *server)
{
    struct signalfd_siginfo info;

    while (read(server->signal_fd, &info, sizeof info) == sizeof info) {
        bool recycle = info.ssi_signo == SIGUSR2 || info.ssi_signo == SIGHUP;

        if (!recycle)
            fcgi_server_stop(server, FCGI_LEAVE);
        else if (server->asked == FCGI_RUN)
            server->asked = FCGI_RECYCLE;
    }
}

/*
 * An exclusive wake-up is served even while stopping; otherwise the client that caused it would wait for the next one.
 */
static size_t take_new(struct fcgi_server *server, struct fcgi_request **requests)
{
    int fd = server->paused ? -1 : accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct fcgi_request *connection = fd >= 0 ? fcgi_connection_new(server, fd) : NULL;

    if (connection == NULL)
        return 0; /* a sibling accepted it, or the peer has closed */
    if (server->stop == FCGI_RUN)
        watch_listener(server, true);
    /* nginx sends at once after connecting, so the head is nearly always there already. */
    requests[0] = connection;
    return fcgi_connection_wake(connection) ? 1 : 0;
}

size_t fcgi_gather_new(struct fcgi_server *server, struct fcgi_request **requests, size_t most)
{
    size_t count = 0;

    while (count < most && server->stop != FCGI_RECYCLE && take_new(server, requests + count) > 0)
        count++;
    return count;
}

/*
 * Whether a slow peer has taken something since the last look. The socket reports room only when most of it is empty,
 * which can take a slow peer longer than it may be without progress.
 */
static bool has_progressed(struct fcgi_request *connection)
{
    int before = connection->queued;

    return connection->events == EPOLLOUT && ioctl(connection->fd, SIOCOUTQ, &connection->queued) == 0 &&
           connection->queued < before;
}

/*
 * A request whose owner waits is not closed but woken: the owner finds its peer gone and cleans up. An owner that takes
 * a body finds its end; one that waits for room must not let nginx see an end of the answer before the connection is
 * broken.
 */
static void wake_overdue(struct fcgi_request *connection)
{
    bool sends = connection->events == EPOLLOUT;

    connection->overdue = true;
    shutdown(connection->fd, sends ? SHUT_RD : SHUT_RDWR);
    if (sends)
        fcgi_connection_watch(connection, EPOLLIN);
}

/* Ends connections without progress; looks at most once a second. */
static void close_overdue(struct fcgi_server *server)
{
    int64_t now_us = server->clock->monotonic_us();
    struct fcgi_request *connection = LIST_FIRST(&server->all), *next;

    if (now_us - server->overdue_checked_us < 1000000)
        return;
    server->overdue_checked_us = now_us;
    for (; connection != NULL; connection = next) {
        int64_t limit_ms = connection->state == FCGI_WAITING ? connection->patience_ms : server->request_timeout_ms;

        next = LIST_NEXT(connection, in_all);
        if (connection->state == FCGI_WAITING && has_progressed(connection))
            connection->since_us = now_us;
        if (connection->since_us == 0 || now_us - connection->since_us <= limit_ms * 1000)
            continue;
        if (connection->state == FCGI_COLLECTING)
            connection->flaw = "the request does not come in time";
        if (connection->state == FCGI_WAITING)
            wake_overdue(connection);
        else
            fcgi_abandon(connection, "the rest of a body does not come in time");
    }
}

/* Few sleep at a time, so a list is enough. Returns at most timeout_ms, less when one is to be woken sooner. */
static int until_due(const struct fcgi_server *server, int timeout_ms)
{
    int64_t now_us = TAILQ_EMPTY(&server->due) ? 0 : server->clock->monotonic_us();
    int64_t left_us = timeout_ms * INT64_C(1000);
    const struct fcgi_request *connection;

    TAILQ_FOREACH(connection, &server->due, in_due)
    if (connection->wake_at_us - now_us < left_us)
        left_us = connection->wake_at_us - now_us;
    return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

/* Takes the requests whose time to wake has come. */
static size_t wake_due(struct fcgi_server *server, struct fcgi_request **requests, size_t most)
{
    int64_t now_us = TAILQ_EMPTY(&server->due) ? 0 : server->clock->monotonic_us();
    struct fcgi_request *connection = TAILQ_FIRST(&server->due), *next;
    size_t count = 0;

    for (; connection != NULL && count < most; connection = next) {
        next = TAILQ_NEXT(connection, in_due);
        if (connection->wake_at_us <= now_us && fcgi_connection_wake(connection))
            requests[count++] = connection;
    }
    return count;
}

size_t fcgi_gather(struct fcgi_server *server, struct fcgi_request **requests, size_t most, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    /*
     * At any time both the requests to be woken and those whose connections are ready may be as many as there are
     * places.
     */
    size_t count = wake_due(server, requests, most / 2);
    int limit = most - count < EVENTS_MAX ? (int)(most - count) : EVENTS_MAX;
    int ready = epoll_wait(server->epoll_fd, events, limit, count > 0 ? 0 : until_due(server, timeout_ms));

    for (int i = 0; i < ready; i++) {
        void *mark = events[i].data.ptr;

        if (mark == &signal_mark)
            read_signals(server);
        else if (mark == &listen_mark)
            count += take_new(server, requests + count);
        else if (mark != NULL && fcgi_connection_wake(mark))
            requests[count++] = mark;
    }
    count += wake_due(server, requests + count, most - count);
    close_overdue(server);
    return count;
}
