#include "http/fcgi.h"

#include "http/fcgi_answer.h"
#include "http/fcgi_head.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

enum {
    LISTEN_FD = 0,
    EVENTS_MAX = 64,
    /* nginx keeps `keepalive` connections for each of its processes; beyond this a worker leaves new ones to others. */
    CONNECTIONS_MAX = 512,
    /* A body that nobody read is read away up to this, so that the connection can be kept; else it lingers. */
    DRAIN_MAX_BYTES = 1024 * 1024,
    /* Of a body that comes in turns, so much in one turn: others wait no longer than a hard disk would take for it. */
    TURN_MAX_BYTES = 256 * 1024,
};

/*
 * The life of a connection:
 *
 *   IDLE --take_request: a head is complete--> IN_HAND --fcgi_finish, fcgi_send_last--> IDLE, or closed
 *   IN_HAND --fcgi_wait, fcgi_wait_ms--> WAITING --an event, or the deadline--> IN_HAND
 *   IN_HAND --fcgi_finish before the body's end--> LINGERING --the peer closes, or the deadline--> closed
 *
 * Whoever answers before the body has come must not close: nginx would still be writing, and take the broken pipe for a
 * dead worker.
 */
enum connection_state { IDLE, IN_HAND, WAITING, LINGERING };

/* One connection of nginx, and the request on it when there is one. */
struct fcgi_request {
    FCGX_Request fcgx;
    struct fcgi_server *server;
    struct fcgi_request *next, **link; /* all connections of the server */
    int fd;
    enum connection_state state;
    uint32_t events; /* that the epoll set has it for */
    struct fcgi_head_facts head;
    struct fcgi_body body; /* when it comes in turns; else libfcgi reads it */
    struct fcgi_piece piece;
    void *context;
    int64_t wake_at_us;       /* in WAITING for a time; else 0 */
    int64_t waiting_since_us; /* for the rest of a head, or in WAITING and LINGERING; 0: idle */
    int queued;               /* bytes that the peer had not taken when it was looked last */
    bool overdue;             /* the peer takes nothing any more */
};

struct fcgi_server {
    const struct clock *clock;
    const struct log *log;
    int64_t request_timeout_ms;
    int64_t stream_timeout_ms;
    int epoll_fd;
    int signal_fd;
    int head_pipe[2]; /* takes the heads of bodies that come in turns to libfcgi, and not a byte more */
    bool listening;   /* the listening socket is in the epoll set */
    bool paused;
    enum fcgi_stop asked; /* by signals */
    enum fcgi_stop stop;
    int64_t overdue_checked_us;
    size_t connections;
    size_t sleepers; /* connections with a wake_at_us */
    struct fcgi_request *first;
    unsigned char bytes[FCGI_HEAD_MAX_BYTES]; /* to look at what waits, and to pass on what came */
};

/* Marks which source an event comes from; connections carry their own address. */
static const char listen_mark = 'l', signal_mark = 's';

/* For heads: edge-triggered, so that half a head does not wake anybody again. */
static const uint32_t head_events = EPOLLIN | EPOLLRDHUP | EPOLLET;

static bool watch(struct fcgi_server *server, int fd, uint32_t events, const void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = (void *)(uintptr_t)mark};

    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Also wakes it again for what is ready already. */
static void watch_for(struct fcgi_request *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    connection->events = events;
    /* Can't fail for a descriptor of the set (epoll_ctl(2)); if it did, the deadline would find the connection. */
    epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
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

static bool open_head_pipe(struct fcgi_server *server)
{
    return pipe2(server->head_pipe, O_CLOEXEC | O_NONBLOCK) == 0;
}

static void close_head_pipe(struct fcgi_server *server)
{
    for (int i = 0; i < 2; i++) {
        if (server->head_pipe[i] >= 0)
            close(server->head_pipe[i]);
        server->head_pipe[i] = -1;
    }
}

bool fcgi_server_new(struct fcgi_server **serverp, const struct clock *clock, const struct log *log,
                     int64_t request_timeout_ms, int64_t stream_timeout_ms, struct err *err)
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
    server->stream_timeout_ms = stream_timeout_ms;
    server->head_pipe[0] = server->head_pipe[1] = -1;
    server->signal_fd = open_signals();
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    /* libfcgi would wait up to two seconds for the peer to close first. */
    if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) != 0 || FCGX_Init() != 0 || server->signal_fd < 0 ||
        server->epoll_fd < 0 || !open_head_pipe(server) || !watch(server, server->signal_fd, EPOLLIN, &signal_mark)) {
        fcgi_server_free(server);
        return err_set(err, ERR_BUG, "event loop: %s", strerror(errno));
    }
    watch_listener(server, true);
    *serverp = server;
    return true;
}

static void forget(struct fcgi_request *connection)
{
    if (connection->wake_at_us != 0)
        connection->server->sleepers--;
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    connection->server->connections--;
    free(connection);
}

static void close_connection(struct fcgi_request *connection)
{
    FCGX_Free(&connection->fcgx, 0);
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
    close_head_pipe(server);
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

size_t fcgi_server_connections(const struct fcgi_server *server)
{
    return server->connections;
}

void fcgi_server_pause(struct fcgi_server *server, bool paused)
{
    if (paused == server->paused)
        return;
    server->paused = paused;
    if (server->stop == FCGI_RUN)
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
        !watch(server, fd, head_events, connection)) {
        free(connection);
        close(fd);
        return NULL;
    }
    /* Listening socket -1: libfcgi's own accept, which can spin, fails at once. */
    FCGX_InitRequest(&connection->fcgx, -1, 0);
    connection->server = server;
    connection->fd = fd;
    connection->events = head_events;
    connection->next = server->first;
    connection->link = &server->first;
    if (server->first != NULL)
        server->first->link = &connection->next;
    server->first = connection;
    server->connections++;
    return connection;
}

/* libfcgi begins a request that came from here. */
static bool begin_request(struct fcgi_request *connection, int fd)
{
    connection->fcgx.ipcFd = fd;
    connection->fcgx.keepConnection = 1; /* or libfcgi would begin by closing it */
    return FCGX_Accept_r(&connection->fcgx) == 0;
}

/* The head goes through a pipe, so that libfcgi reads nothing of the body that comes in turns. */
static bool read_head_only(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    size_t length = connection->head.length;

    /* A pipe holds 64 KiB, as much as a head may have, and is empty between two heads. */
    if (recv(connection->fd, server->bytes, length, MSG_DONTWAIT) == (ssize_t)length &&
        write(server->head_pipe[1], server->bytes, length) == (ssize_t)length &&
        begin_request(connection, server->head_pipe[0])) {
        fcgi_body_init(&connection->body, connection->head.id);
        return true;
    }
    /* libfcgi closes what it fails to read; whatever is left in the pipe must meet no other head. */
    close_head_pipe(server);
    open_head_pipe(server);
    return false;
}

static bool read_head(struct fcgi_request *connection)
{
    if (connection->head.in_turns)
        return read_head_only(connection);
    if (begin_request(connection, connection->fd))
        return true;
    connection->fd = -1; /* libfcgi has closed it */
    return false;
}

/* Takes the request on a connection when its head is complete; closes a connection that is over or speaks nonsense. */
static bool take_request(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    ssize_t length = recv(connection->fd, server->bytes, sizeof server->bytes, MSG_PEEK | MSG_DONTWAIT);
    enum fcgi_head head;

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0) {
        close_connection(connection);
        return false;
    }
    head = fcgi_head_check(server->bytes, (size_t)length, &connection->head);
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
    if (!read_head(connection)) {
        LOG_EVENT(server->log, LOG_WARN, "fastcgi_head_lost", LOG_NUMBER("bytes", length));
        close_connection(connection);
        return false;
    }
    connection->state = IN_HAND;
    return true;
}

/*
 * Whether somebody slow has taken something since the last look. The socket says that there is room only when most of it is
 * empty, which takes a slow one longer than it may stand still.
 */
static bool gets_on(struct fcgi_request *connection)
{
    int before = connection->queued;

    return connection->events == EPOLLOUT && ioctl(connection->fd, SIOCOUTQ, &connection->queued) == 0 &&
           connection->queued < before;
}

/*
 * A request that is waited for by somebody is not closed, but woken: it finds its peer gone and clears up by itself. Who sends
 * a body reads its end; who waits for room must not let nginx see an end of the answer before the connection is broken.
 */
static void wake_overdue(struct fcgi_request *connection)
{
    bool sends = connection->events == EPOLLOUT;

    connection->overdue = true;
    shutdown(connection->fd, sends ? SHUT_RD : SHUT_RDWR);
    if (sends)
        watch_for(connection, EPOLLIN);
}

/* Ends what does not get on; looks at most once a second. */
static void close_overdue(struct fcgi_server *server)
{
    int64_t now_us = server->clock->monotonic_us();
    struct fcgi_request *connection = server->first, *next;

    if (now_us - server->overdue_checked_us < 1000000)
        return;
    server->overdue_checked_us = now_us;
    for (; connection != NULL; connection = next) {
        int64_t limit_ms = connection->state == WAITING ? server->stream_timeout_ms : server->request_timeout_ms;

        next = connection->next;
        if (connection->state == WAITING && gets_on(connection))
            connection->waiting_since_us = now_us;
        if (connection->waiting_since_us == 0 || now_us - connection->waiting_since_us <= limit_ms * 1000)
            continue;
        if (connection->state == WAITING)
            wake_overdue(connection);
        else
            close_connection(connection);
    }
}

/* WAITING -> IN_HAND */
static void end_wait(struct fcgi_request *connection)
{
    if (connection->wake_at_us != 0)
        connection->server->sleepers--;
    connection->wake_at_us = 0;
    connection->waiting_since_us = 0;
    connection->state = IN_HAND;
}

/* When the first sleeper is to be woken, but at most timeout_ms. A handful sleep at a time, so a list will do. */
static int until_first_sleeper(const struct fcgi_server *server, int timeout_ms)
{
    int64_t now_us = server->clock->monotonic_us();

    if (server->sleepers == 0)
        return timeout_ms;
    for (const struct fcgi_request *connection = server->first; connection != NULL; connection = connection->next) {
        int64_t left_us = connection->wake_at_us - now_us;

        if (connection->wake_at_us != 0 && left_us < timeout_ms * INT64_C(1000))
            timeout_ms = left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
    }
    return timeout_ms;
}

static size_t wake_sleepers(struct fcgi_server *server, struct fcgi_request **requests, size_t most)
{
    int64_t now_us = server->clock->monotonic_us();
    size_t count = 0;

    if (server->sleepers == 0)
        return 0;
    for (struct fcgi_request *connection = server->first; connection != NULL && count < most;
         connection = connection->next)
        if (connection->wake_at_us != 0 && connection->wake_at_us <= now_us) {
            end_wait(connection);
            requests[count++] = connection;
        }
    return count;
}

/* Throws away what comes after the answer, until the peer has seen it and closes. */
static void linger(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    ssize_t got = recv(connection->fd, server->bytes, sizeof server->bytes, MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        close_connection(connection);
}

/* An event of a connection: true when there is something to do for its request. */
static bool wake(struct fcgi_request *connection)
{
    switch (connection->state) {
    case IDLE:
        return take_request(connection);
    case WAITING:
        end_wait(connection);
        return true;
    case LINGERING:
        linger(connection);
        return false;
    case IN_HAND:
        break; /* can't be: whoever takes a request finishes it or waits before it gathers again */
    }
    return false;
}

static size_t take_new(struct fcgi_server *server, struct fcgi_request **requests)
{
    struct fcgi_request *connection;

    if (server->connections >= CONNECTIONS_MAX || server->paused)
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

/* Whether a source is among the first events. */
static bool listed(const struct epoll_event *events, int count, const void *mark)
{
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr == mark)
            return true;
    return false;
}

/*
 * The first request wakes a worker, and would stop nginx in the middle of sending more. Letting it go on makes batches of
 * what would be single requests; each costs less then. What was there already and has something new must not be handled
 * twice, since the first time may close it: it is asked for again at the next wait.
 */
static int wait_for_events(struct fcgi_server *server, struct epoll_event *events, int limit, int timeout_ms)
{
    int first = epoll_wait(server->epoll_fd, events, limit, timeout_ms);
    int all = first, more;

    if (first <= 0 || first == limit)
        return first;
    sched_yield();
    more = epoll_wait(server->epoll_fd, events + first, limit - first, 0);
    for (int i = first; i < first + more; i++) {
        void *mark = events[i].data.ptr;

        if (!listed(events, first, mark))
            events[all++] = events[i];
        else if (mark != &listen_mark && mark != &signal_mark)
            watch_for(mark, ((struct fcgi_request *)mark)->events);
    }
    return all;
}

size_t fcgi_gather(struct fcgi_server *server, struct fcgi_request **requests, size_t most, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int limit = most < EVENTS_MAX ? (int)most : EVENTS_MAX;
    int ready = wait_for_events(server, events, limit, until_first_sleeper(server, timeout_ms));
    size_t count = 0;
    bool accept_one = false;

    for (int i = 0; i < ready; i++) {
        void *mark = events[i].data.ptr;

        if (mark == &signal_mark)
            read_signals(server);
        else if (mark == &listen_mark)
            accept_one = true;
        else if (wake(mark))
            requests[count++] = mark;
    }
    /* An exclusive wake-up is honoured even while stopping, or the client that caused it would wait for the next one. */
    if (accept_one && count < most)
        count += take_new(server, requests + count);
    count += wake_sleepers(server, requests + count, most - count);
    close_overdue(server);
    return count;
}

const char *const *fcgi_params(const struct fcgi_request *request)
{
    return (const char *const *)request->fcgx.envp;
}

void *fcgi_context(const struct fcgi_request *request)
{
    return request->context;
}

size_t fcgi_read(struct fcgi_request *request, void *bytes, size_t size)
{
    int length = size > INT32_MAX ? INT32_MAX : (int)size;
    int got = request->head.in_turns ? 0 : FCGX_GetStr(bytes, length, request->fcgx.in);

    return got > 0 ? (size_t)got : 0;
}

/* The whole of a body that libfcgi reads: nginx has it already and sends it at once. */
static enum fcgi_body_state take_at_once(struct fcgi_request *request,
                                         void (*take)(void *arg, const void *bytes, size_t length), void *arg)
{
    struct fcgi_server *server = request->server;
    size_t got;

    while ((got = fcgi_read(request, server->bytes, sizeof server->bytes)) > 0)
        take(arg, server->bytes, got);
    return FCGX_GetError(request->fcgx.in) == 0 ? FCGI_BODY_END : FCGI_BODY_CUT;
}

enum fcgi_body_state fcgi_take_body(struct fcgi_request *request,
                                    void (*take)(void *arg, const void *bytes, size_t length), void *arg)
{
    struct fcgi_server *server = request->server;
    enum fcgi_body_state state = FCGI_BODY_MORE;

    if (!request->head.in_turns)
        return take_at_once(request, take, arg);
    for (size_t total = 0; state == FCGI_BODY_MORE && total < TURN_MAX_BYTES;) {
        ssize_t got = recv(request->fd, server->bytes, sizeof server->bytes, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (got <= 0)
            return request->body.state = FCGI_BODY_CUT;
        state = fcgi_body_feed(&request->body, server->bytes, (size_t)got, take, arg);
        total += (size_t)got;
    }
    return state;
}

void fcgi_wait(struct fcgi_request *request, enum fcgi_wait wait, void *context)
{
    request->state = WAITING;
    request->context = context;
    request->waiting_since_us = request->server->clock->monotonic_us();
    request->queued = 0;
    watch_for(request, wait == FCGI_WAIT_BODY ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
}

void fcgi_wait_ms(struct fcgi_request *request, int64_t ms, void *context)
{
    request->state = WAITING;
    request->context = context;
    request->waiting_since_us = request->server->clock->monotonic_us();
    request->wake_at_us = request->waiting_since_us + ms * 1000;
    request->server->sleepers++;
    watch_for(request, EPOLLRDHUP);
}

/* nginx never closes its half only. */
bool fcgi_gone(const struct fcgi_request *request)
{
    struct pollfd peer = {.fd = request->fd, .events = POLLRDHUP};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void ignore(void *arg, const void *bytes, size_t length)
{
    (void)arg;
    (void)bytes;
    (void)length;
}

/* Whether the body was read to its end, now or before. */
static bool drain(struct fcgi_request *request)
{
    char waste[4096];
    size_t total = 0, got;

    if (request->head.in_turns)
        return request->body.state == FCGI_BODY_END || fcgi_take_body(request, ignore, NULL) == FCGI_BODY_END;
    while ((got = fcgi_read(request, waste, sizeof waste)) > 0)
        if ((total += got) > DRAIN_MAX_BYTES)
            return false;
    return FCGX_GetError(request->fcgx.in) == 0;
}

/* The answer was sent, or never will be: on to the next request, or to the connection's end. */
static void end_request(struct fcgi_request *request, bool sent)
{
    bool drained = sent && drain(request);

    FCGX_Free(&request->fcgx, 0);
    request->fcgx.ipcFd = -1; /* ours again, and out of libfcgi's reach */
    request->context = NULL;
    if (!sent || (drained && !request->head.keep)) {
        close_connection(request);
    } else if (drained) {
        if (request->events != head_events)
            watch_for(request, head_events);
        request->state = IDLE;
        request->waiting_since_us = 0;
    } else {
        shutdown(request->fd, SHUT_WR); /* nginx may wait for this to see the end */
        request->state = LINGERING;
        request->waiting_since_us = request->server->clock->monotonic_us();
        watch_for(request, EPOLLIN | EPOLLRDHUP);
    }
}

bool fcgi_finish(struct fcgi_request *request, const void *bytes, size_t length)
{
    bool sent = fcgi_answer_whole(request->fd, request->head.id, bytes, length);

    end_request(request, sent);
    return sent;
}

void fcgi_abandon(struct fcgi_request *request)
{
    end_request(request, false);
}

void fcgi_piece(struct fcgi_request *request, const void *bytes, size_t length, bool last)
{
    fcgi_piece_init(&request->piece, request->head.id, bytes, length, last);
}

enum fcgi_sent fcgi_send(struct fcgi_request *request)
{
    return request->overdue ? FCGI_SENT_GONE : fcgi_piece_send(&request->piece, request->fd);
}

void fcgi_sent_all(struct fcgi_request *request)
{
    end_request(request, true);
}
