#include "http/fcgi.h"

#include "http/fcgi_connection.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    /* A body that nobody read is read away up to this, so that the connection can be kept; else it lingers. */
    DRAIN_MAX_BYTES = 1024 * 1024,
    /* Of a body that comes in turns, so much in one turn: others wait no longer than a hard disk would take for it. */
    TURN_MAX_BYTES = 256 * 1024,
};

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
    int got;

    if (request->reads_body)
        return fcgi_hold_read(request, bytes, size);
    got = FCGX_GetStr(bytes, size > INT32_MAX ? INT32_MAX : (int)size, request->fcgx.in);
    return got > 0 ? (size_t)got : 0;
}

/* The whole of a body that libfcgi reads. */
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
    enum fcgi_body_state state = request->body.state;

    if (!request->reads_body)
        return take_at_once(request, take, arg);
    if (request->held_read < request->held.length) {
        take(arg, request->held.bytes + request->held_read, request->held.length - request->held_read);
        request->held_read = request->held.length;
    }
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
    request->state = FCGI_WAITING;
    request->context = context;
    request->waiting_since_us = request->server->clock->monotonic_us();
    request->patience_ms =
        wait == FCGI_WAIT_TAKEN ? request->server->request_timeout_ms : request->server->stream_timeout_ms;
    request->queued = 0;
    fcgi_connection_watch(request, wait == FCGI_WAIT_BODY ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
}

void fcgi_wait_ms(struct fcgi_request *request, int64_t ms, void *context)
{
    request->state = FCGI_WAITING;
    request->context = context;
    request->waiting_since_us = request->server->clock->monotonic_us();
    request->patience_ms = request->server->stream_timeout_ms;
    request->wake_at_us = request->waiting_since_us + ms * 1000;
    request->server->sleepers++;
    fcgi_connection_watch(request, EPOLLRDHUP);
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

    if (request->reads_body)
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
    fcgi_hold_drop(request);
    if (!sent || (drained && !request->head.keep)) {
        fcgi_connection_close(request);
    } else if (drained) {
        if (request->events != FCGI_HEAD_EVENTS)
            fcgi_connection_watch(request, FCGI_HEAD_EVENTS);
        request->state = FCGI_IDLE;
        request->waiting_since_us = 0;
        if (request->server->let_go_by_us != 0)
            fcgi_connection_let_go(request);
    } else {
        shutdown(request->fd, SHUT_WR); /* nginx may wait for this to see the end */
        request->state = FCGI_LINGERING;
        request->waiting_since_us = request->server->clock->monotonic_us();
        fcgi_connection_watch(request, EPOLLIN | EPOLLRDHUP);
    }
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
