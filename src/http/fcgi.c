#include "http/fcgi.h"

#include "http/fcgi_head.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LISTEN_FD = 0,
    EVENTS_MAX = 64,
    /* nginx keeps `keepalive` connections for each of its processes; beyond this a worker leaves new ones to others. */
    CONNECTIONS_MAX = 512,
    /* A body that nobody read is read away up to this, so that the connection can be kept; else it is closed. */
    DRAIN_MAX_BYTES = 1024 * 1024,
};

/* One connection of nginx, and the request on it when there is one. */
struct fcgi_request {
    FCGX_Request fcgx;
    struct fcgi_server *server;
    struct fcgi_request *next, **link; /* all connections of the server */
    int fd;
    bool in_hand;
    int64_t waiting_since_us; /* when the first part of an incomplete head came; 0: idle */
};

struct fcgi_server {
    const struct clock *clock;
    const struct log *log;
    int64_t request_timeout_ms;
    int epoll_fd;
    int signal_fd;
    bool listening; /* the listening socket is in the epoll set */
    enum fcgi_stop stop;
    int64_t overdue_checked_us;
    size_t connections;
    struct fcgi_request *first;
    unsigned char head[FCGI_HEAD_MAX_BYTES]; /* to look at what waits */
};

/* Marks which source an event comes from; connections carry their own address. */
static const char listen_mark = 'l', signal_mark = 's';

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

bool fcgi_server_new(struct fcgi_server **serverp, const struct clock *clock, const struct log *log,
                     int64_t request_timeout_ms, struct err *err)
{
    struct fcgi_server *server;

    *serverp = NULL;
    if (!check_listener(err))
        return false;
    server = calloc(1, sizeof *server);
    if (server == NULL)
        return err_memory(err);
    server->clock = clock;
    server->log = log;
    server->request_timeout_ms = request_timeout_ms;
    server->signal_fd = open_signals();
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    /* libfcgi would wait up to two seconds for the peer to close first. */
    if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) != 0 || FCGX_Init() != 0 || server->signal_fd < 0 ||
        server->epoll_fd < 0 || !watch(server, server->signal_fd, EPOLLIN, &signal_mark)) {
        fcgi_server_free(server);
        return err_set(err, ERR_BUG, "event loop: %s", strerror(errno));
    }
    watch_listener(server, true);
    *serverp = server;
    return true;
}

static void forget(struct fcgi_request *connection)
{
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    connection->server->connections--;
    free(connection);
}

/* Closes an idle connection; one with a request in hand is closed by libfcgi in fcgi_finish. */
static void close_connection(struct fcgi_request *connection)
{
    close(connection->fd);
    forget(connection);
}

void fcgi_server_free(struct fcgi_server *server)
{
    if (server == NULL)
        return;
    while (server->first != NULL)
        close_connection(server->first);
    if (server->epoll_fd >= 0)
        close(server->epoll_fd);
    if (server->signal_fd >= 0)
        close(server->signal_fd);
    free(server);
}

enum fcgi_stop fcgi_server_stopping(const struct fcgi_server *server)
{
    return server->stop;
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

static void read_signals(struct fcgi_server *server)
{
    struct signalfd_siginfo info;

    while (read(server->signal_fd, &info, sizeof info) == sizeof info) {
        bool recycle = info.ssi_signo == SIGUSR2 || info.ssi_signo == SIGHUP;

        fcgi_server_stop(server, recycle ? FCGI_RECYCLE : FCGI_LEAVE);
    }
}

static struct fcgi_request *accept_connection(struct fcgi_server *server)
{
    const struct timeval timeout = {
        .tv_sec = server->request_timeout_ms / 1000,
        .tv_usec = server->request_timeout_ms % 1000 * 1000,
    };
    struct fcgi_request *connection;
    int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return NULL; /* a sibling won, or the peer is gone */
    connection = calloc(1, sizeof *connection);
    if (connection == NULL || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
        !watch(server, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, connection)) {
        free(connection);
        close(fd);
        return NULL;
    }
    /* Listening socket -1: libfcgi's own accept, which can spin, fails at once. */
    FCGX_InitRequest(&connection->fcgx, -1, 0);
    connection->server = server;
    connection->fd = fd;
    connection->next = server->first;
    connection->link = &server->first;
    if (server->first != NULL)
        server->first->link = &connection->next;
    server->first = connection;
    server->connections++;
    return connection;
}

/* Takes the request on a connection when its head is complete; closes a connection that is over or speaks nonsense. */
static bool take_request(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    ssize_t length = recv(connection->fd, server->head, sizeof server->head, MSG_PEEK | MSG_DONTWAIT);
    enum fcgi_head head;

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0) {
        close_connection(connection);
        return false;
    }
    head = fcgi_head_check(server->head, (size_t)length);
    if (head == FCGI_HEAD_PARTIAL) {
        if (connection->waiting_since_us == 0)
            connection->waiting_since_us = server->clock->monotonic_us();
        return false;
    }
    connection->waiting_since_us = 0;
    if (head == FCGI_HEAD_BAD) {
        LOG_EVENT(server->log, LOG_WARN, "bad_fastcgi_head", LOG_NUMBER("bytes", length));
        close_connection(connection);
        return false;
    }
    connection->fcgx.ipcFd = connection->fd;
    connection->fcgx.keepConnection = 1; /* or libfcgi would begin by closing it; the request's own flag comes next */
    if (FCGX_Accept_r(&connection->fcgx) != 0) {
        forget(connection); /* libfcgi has closed it */
        return false;
    }
    connection->in_hand = true;
    return true;
}

/* Closes connections whose head does not arrive; looks at most once a second. */
static void close_overdue(struct fcgi_server *server)
{
    int64_t now_us = server->clock->monotonic_us();
    struct fcgi_request *connection = server->first, *next;

    if (now_us - server->overdue_checked_us < 1000000)
        return;
    server->overdue_checked_us = now_us;
    for (; connection != NULL; connection = next) {
        next = connection->next;
        if (!connection->in_hand && connection->waiting_since_us != 0 &&
            now_us - connection->waiting_since_us > server->request_timeout_ms * 1000)
            close_connection(connection);
    }
}

static size_t take_new(struct fcgi_server *server, struct fcgi_request **requests)
{
    struct fcgi_request *connection;

    if (server->connections >= CONNECTIONS_MAX)
        return 0;
    connection = accept_connection(server);
    if (connection == NULL)
        return 0;
    if (server->stop == FCGI_RUN)
        watch_listener(server, true);
    /* nginx sends at once after connecting, so the head is nearly always there already. */
    if (!take_request(connection))
        return 0;
    requests[0] = connection;
    return 1;
}

size_t fcgi_gather(struct fcgi_server *server, struct fcgi_request **requests, size_t most, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int limit = most < EVENTS_MAX ? (int)most : EVENTS_MAX;
    size_t count = 0;
    bool accept_one = false;
    int ready;

    /* Whoever writes to us goes on writing, instead of being stopped at its first byte: batches grow, each is cheaper. */
    sched_yield();
    ready = epoll_wait(server->epoll_fd, events, limit, timeout_ms);

    for (int i = 0; i < ready; i++) {
        void *mark = events[i].data.ptr;

        if (mark == &signal_mark)
            read_signals(server);
        else if (mark == &listen_mark)
            accept_one = true;
        else if (take_request(mark))
            requests[count++] = mark;
    }
    /* An exclusive wake-up is honoured even while stopping, or the client that caused it would wait for the next one. */
    if (accept_one && count < most)
        count += take_new(server, requests + count);
    close_overdue(server);
    return count;
}

const char *const *fcgi_params(const struct fcgi_request *request)
{
    return (const char *const *)request->fcgx.envp;
}

size_t fcgi_read(struct fcgi_request *request, void *bytes, size_t size)
{
    int length = size > INT32_MAX ? INT32_MAX : (int)size;
    int got = FCGX_GetStr(bytes, length, request->fcgx.in);

    return got > 0 ? (size_t)got : 0;
}

void fcgi_write(struct fcgi_request *request, const void *bytes, size_t length)
{
    /* One answer is far below INT_MAX; errors stick to the stream and are seen in fcgi_finish. */
    FCGX_PutStr(bytes, (int)length, request->fcgx.out);
}

/* Whether the body was read to its end, now or before. */
static bool drain(struct fcgi_request *request)
{
    char waste[4096];
    size_t total = 0, got;

    while ((got = fcgi_read(request, waste, sizeof waste)) > 0)
        if ((total += got) > DRAIN_MAX_BYTES)
            return false;
    return FCGX_GetError(request->fcgx.in) == 0;
}

bool fcgi_finish(struct fcgi_request *request)
{
    bool sent;

    if (!drain(request))
        request->fcgx.keepConnection = 0;
    /* Who did not take the answer will not take its end: libfcgi would wait for that as long again. */
    if (FCGX_GetError(request->fcgx.out) != 0)
        shutdown(request->fd, SHUT_RDWR);
    /*
     * The answer and its end leave in one write. nginx passes a head on when it has it, so of a worker that is killed
     * between two writes the client would get a cut-off answer instead of another worker's.
     */
    sent = FCGX_FClose(request->fcgx.err) == 0 && FCGX_FClose(request->fcgx.out) == 0;
    FCGX_Finish_r(&request->fcgx);
    request->in_hand = false;
    if (request->fcgx.ipcFd < 0) {
        forget(request);
        return sent;
    }
    request->fcgx.ipcFd = -1; /* idle: ours again, and out of libfcgi's reach */
    return sent;
}
