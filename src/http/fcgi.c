#include "http/fcgi.h"

#include "http/fcgi_connection.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

/* A record of 64 KiB goes to a Unix socket in two or three parts, and each but the last must leave room for the next. */
enum { PIECE_ROOM_BYTES = 96 * 1024 };

const char *const *fcgi_params(const struct fcgi_request *request)
{
    return (const char *const *)request->params;
}

void *fcgi_context(const struct fcgi_request *request)
{
    return request->context;
}

size_t fcgi_read(struct fcgi_request *request, void *bytes, size_t size)
{
    size_t left = request->held.length - request->held_read;
    size_t length = left < size ? left : size;

    memcpy(bytes, request->held.bytes + request->held_read, length);
    request->held_read += length;
    return length;
}

enum fcgi_body_state fcgi_take_body(struct fcgi_request *request, fcgi_body_taker *take, void *arg)
{
    if (request->held_read < request->held.length)
        take(arg, request->held.bytes + request->held_read, request->held.length - request->held_read);
    request->held_read = request->held.length;
    return fcgi_connection_take_body(request, take, arg);
}

/* The peer may use the connection again, and this request's body is still on it. */
static bool must_drain(const struct fcgi_request *request)
{
    return request->piece.last && request->head.keep && request->body.state != FCGI_BODY_END;
}

static void wait_for(struct fcgi_request *request, uint32_t events, int64_t patience_ms, void *context)
{
    fcgi_connection_enter(request, FCGI_WAITING);
    request->context = context;
    request->patience_ms = patience_ms;
    request->queued = 0;
    fcgi_connection_watch(request, events);
}

void fcgi_wait(struct fcgi_request *request, enum fcgi_wait wait, void *context)
{
    const struct fcgi_server *server = request->server;
    int64_t patience_ms =
        wait == FCGI_WAIT_TAKEN || must_drain(request) ? server->request_timeout_ms : server->stream_timeout_ms;
    uint32_t events = EPOLLOUT;

    if (must_drain(request) || wait == FCGI_WAIT_BODY)
        events = EPOLLIN | EPOLLRDHUP;
    else if (wait == FCGI_WAIT_TURN)
        events = EPOLLRDHUP;
    wait_for(request, events, patience_ms, context);
}

void fcgi_resume(struct fcgi_request *request)
{
    fcgi_connection_end_wait(request);
}

void fcgi_wait_ms(struct fcgi_request *request, int64_t ms, void *context)
{
    wait_for(request, EPOLLRDHUP, request->server->stream_timeout_ms + ms, context);
    fcgi_wake_at(request, request->since_us + ms * 1000);
}

/* That the peer has gone comes once whatever is asked for (epoll_ctl(2)), and is nothing to us now. */
void fcgi_keep(struct fcgi_request *request, void *context)
{
    request->context = context;
    fcgi_connection_watch(request, EPOLLET);
}

/* nginx never closes its half only. */
bool fcgi_gone(const struct fcgi_request *request)
{
    struct pollfd peer = {.fd = request->fd, .events = POLLRDHUP};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void fcgi_piece(struct fcgi_request *request, const void *bytes, size_t length, bool last)
{
    fcgi_piece_init(&request->piece, request->head.id, bytes, length, last);
}

/* Throws the rest of the body away, as far as it has come; however long it is, it has so much time and no more. */
static enum fcgi_sent drain(struct fcgi_request *request)
{
    const struct fcgi_server *server = request->server;
    int64_t now_us = server->clock->monotonic_us();
    enum fcgi_body_state state;

    if (request->drains_since_us == 0)
        request->drains_since_us = now_us;
    state = fcgi_connection_take_body(request, NULL, NULL);
    if (state == FCGI_BODY_CUT)
        request->flaw = "this is not the body of a request";
    else if (now_us - request->drains_since_us > server->request_timeout_ms * 1000)
        request->flaw = "the body does not end in time";
    if (request->flaw != NULL)
        return FCGI_SENT_GONE;
    return state == FCGI_BODY_END ? FCGI_SENT_ALL : FCGI_SENT_PART;
}

enum fcgi_sent fcgi_send(struct fcgi_request *request)
{
    enum fcgi_sent drained = FCGI_SENT_ALL;

    if (request->overdue)
        return FCGI_SENT_GONE;
    if (must_drain(request))
        drained = drain(request);
    return drained == FCGI_SENT_ALL ? fcgi_piece_send(&request->piece, request->fd) : drained;
}

void fcgi_abandon(struct fcgi_request *request, const char *reason)
{
    bool flawed = request->flaw != NULL;

    fcgi_connection_close(request, flawed ? LOG_WARN : LOG_DEBUG, flawed ? request->flaw : reason);
}

/* The connection is the peer's again: it may be in the middle of its next request already. */
static void keep(struct fcgi_request *request)
{
    struct fcgi_server *server = request->server;

    fcgi_connection_forget_request(request);
    fcgi_connection_enter(request, FCGI_IDLE);
    if (request->events != FCGI_HEAD_EVENTS)
        fcgi_connection_watch(request, FCGI_HEAD_EVENTS);
    if (fcgi_reader_holds(&request->reader))
        fcgi_wake_at(request, server->clock->monotonic_us());
    else if (server->let_go_by_us != 0)
        fcgi_connection_let_go(request);
}

bool fcgi_has_room(const struct fcgi_request *request)
{
    socklen_t size = sizeof(int);
    int queued, most;

    return ioctl(request->fd, SIOCOUTQ, &queued) != 0 ||
           getsockopt(request->fd, SOL_SOCKET, SO_SNDBUF, &most, &size) != 0 || queued == 0 ||
           queued + PIECE_ROOM_BYTES < most;
}

void fcgi_sent_all(struct fcgi_request *request)
{
    if (request->head.keep) {
        keep(request);
    } else if (fcgi_connection_take_body(request, NULL, NULL) == FCGI_BODY_MORE) {
        shutdown(request->fd, SHUT_WR); /* nginx may wait for this to see the end */
        fcgi_connection_forget_request(request);
        fcgi_connection_enter(request, FCGI_LINGERING);
        fcgi_connection_watch(request, EPOLLIN | EPOLLRDHUP);
    } else {
        fcgi_connection_close(request, LOG_DEBUG, "the answer is sent");
    }
}
