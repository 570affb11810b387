#include "http/fcgi_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LISTEN_FD = 0,
    EVENTS_MAX = 64,
};

/* Marks which source an event comes from; connections carry their own address. */
static const char listen_mark = 'l', signal_mark = 's', other_mark = 'o';

static bool watch(struct fcgi_server *server, int fd, uint32_t events, const void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = (void *)(uintptr_t)mark};

    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/*
 * EPOLLEXCLUSIVE wakes the first idle waiter in the order of registration, so one worker would get nearly all
 * connections. Whoever has just accepted registers anew and so goes to the end of the line.
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
                       "descriptor 0 is not a listening socket; start with spawn-fcgi -n -s SOCKET -- mayfly-worker …");
    if (fcntl(LISTEN_FD, F_SETFL, fcntl(LISTEN_FD, F_GETFL) | O_NONBLOCK) != 0)
        return err_set(err, ERR_BUG, "O_NONBLOCK: %s", strerror(errno));
    return true;
}

/* libfcgi takes a signal inside read(2) for the end of a body, so none may be delivered. */
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

/*
 * Woken by the first request, a worker would stop nginx in the middle of sending more, and serve batches of one. What is
 * scheduled as a batch preempts nobody by waking up (sched(7), SCHED_BATCH); on a processor that is free it runs at once.
 * The units' sandbox refuses this call, so they ask for the policy themselves; whatever else was chosen is left alone.
 */
static void preempt_nobody(void)
{
    const struct sched_param no_priority = {.sched_priority = 0};

    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &no_priority); /* refused: slower under load, that is all */
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
    preempt_nobody();
    *serverp = server;
    return true;
}

void fcgi_server_free(struct fcgi_server *server)
{
    if (server == NULL)
        return;
    while (!LIST_EMPTY(&server->all))
        fcgi_connection_close(LIST_FIRST(&server->all), LOG_DEBUG, "this worker ends");
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

/* nginx then finds no socket, nothing is sent, and it goes to the other pool at once. */
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

bool fcgi_server_watch(struct fcgi_server *server, int fd, struct err *err)
{
    return watch(server, fd, EPOLLIN, &other_mark) || err_set(err, ERR_BUG, "event loop: %s", strerror(errno));
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

/* An event of a connection: true when there is something to do for its request. */
static bool wake(struct fcgi_request *connection)
{
    switch (connection->state) {
    case FCGI_IDLE:
    case FCGI_COLLECTING:
        return fcgi_connection_take(connection);
    case FCGI_WAITING:
        fcgi_connection_end_wait(connection);
        return true;
    case FCGI_LINGERING:
        fcgi_connection_linger(connection);
        return false;
    case FCGI_IN_HAND:
        break; /* its owner keeps it */
    }
    return false;
}

static size_t take_new(struct fcgi_server *server, struct fcgi_request **requests)
{
    struct fcgi_request *connection;
    int fd;

    if (server->paused)
        return 0;
    fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return 0; /* a sibling won, or the peer is gone */
    connection = fcgi_connection_new(server, fd);
    if (connection == NULL)
        return 0;
    if (server->stop == FCGI_RUN)
        watch_listener(server, true);
    /* nginx sends at once after connecting, so the head is nearly always there already. */
    if (!fcgi_connection_take(connection))
        return 0;
    requests[0] = connection;
    return 1;
}

size_t fcgi_gather_new(struct fcgi_server *server, struct fcgi_request **requests, size_t most)
{
    size_t count = 0;

    while (count < most && server->stop != FCGI_RECYCLE && take_new(server, requests + count) > 0)
        count++;
    return count;
}

size_t fcgi_gather(struct fcgi_server *server, struct fcgi_request **requests, size_t most, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    /* Those whose connections are ready may be as many as there are places all the time, and so may those who are due. */
    size_t count = 0, left = most - fcgi_count_due(server, most / 2);
    int limit = left < EVENTS_MAX ? (int)left : EVENTS_MAX;
    int ready = epoll_wait(server->epoll_fd, events, limit, fcgi_until_due(server, timeout_ms));
    bool accept_one = false;

    for (int i = 0; i < ready; i++) {
        void *mark = events[i].data.ptr;

        if (mark == &signal_mark)
            read_signals(server);
        else if (mark == &listen_mark)
            accept_one = true;
        else if (mark == &other_mark)
            continue; /* its owner looks after it */
        else if (wake(mark))
            requests[count++] = mark;
    }
    /* An exclusive wake-up is honoured even while stopping, or the client that caused it would wait for the next one. */
    if (accept_one && count < most)
        count += take_new(server, requests + count);
    count += fcgi_wake_due(server, requests + count, most - count);
    fcgi_close_due(server);
    return count;
}
