#include "fcgi/fcgi.h"

#include "fcgi/connection.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

/* A record of 64 KiB goes to a Unix socket in two or three parts; each but the last leaves room for the next. */
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

/* The peer may use the connection again, and this request's body is still on it. */
static bool must_drain(const struct fcgi_request *request)
{
    return request->piece.last && request->head.keep && request->body.state != FCGI_BODY_END;
}

void fcgi_wait(struct fcgi_request *request, enum fcgi_wait wait, void *context)
{
    static const uint32_t events[] = {[FCGI_WAIT_BODY] = EPOLLIN | EPOLLRDHUP,
                                      [FCGI_WAIT_ROOM] = EPOLLOUT,
                                      [FCGI_WAIT_TAKEN] = EPOLLOUT,
                                      [FCGI_WAIT_TURN] = EPOLLRDHUP};
    const struct fcgi_server *server = request->server;
    bool drains = must_drain(request);

    fcgi_connection_enter(request, FCGI_WAITING);
    request->context = context;
    request->patience_ms = drains || wait == FCGI_WAIT_TAKEN ? server->request_timeout_ms : server->stream_timeout_ms;
    request->queued = 0;
    fcgi_connection_watch(request, events[drains ? FCGI_WAIT_BODY : wait]);
    if (drains && request->drains_since_us == 0)
        request->drains_since_us = request->since_us;
}

void fcgi_wait_ms(struct fcgi_request *request, int64_t ms, void *context)
{
    fcgi_wait(request, FCGI_WAIT_TURN, context);
    request->patience_ms += ms;
    fcgi_wake_at(request, request->since_us + ms * 1000);
}

void fcgi_resume(struct fcgi_request *request)
{
    fcgi_wake_at(request, 0);
    fcgi_connection_enter(request, FCGI_IN_HAND);
}

void fcgi_put_back(struct fcgi_request *request)
{
    fcgi_connection_enter(request, FCGI_WAITING);
    /*
     * The epoll set still has it for the events it waited for. A connection that waited for a time must be reported
     * again when the time has come.
     */
    if (request->events == EPOLLRDHUP)
        fcgi_wake_at(request, request->since_us);
}

/*
 * The event that the peer has closed comes once, whatever events are asked for (epoll_ctl(2)); it does not matter now.
 */
void fcgi_keep(struct fcgi_request *request, void *context)
{
    request->context = context;
    fcgi_connection_watch(request, EPOLLET);
}

/* nginx never closes only one direction. */
bool fcgi_gone(const struct fcgi_request *request)
{
    struct pollfd peer = {.fd = request->fd, .events = POLLRDHUP};

    return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void fcgi_piece(struct fcgi_request *request, const void *bytes, size_t length, bool last)
{
    request->piece = (struct fcgi_piece){.id = request->head.id, .bytes = bytes, .length = length, .last = last};
}

enum fcgi_sent fcgi_send(struct fcgi_request *request)
{
    const struct fcgi_server *server = request->server;

    /* The time for draining the rest of a body, however long it is. */
    if (must_drain(request) && fcgi_take_body(request, NULL, NULL) == FCGI_BODY_CUT)
        request->flaw = "this is not the body of a request";
    else if (must_drain(request) && request->drains_since_us != 0 &&
             server->clock->monotonic_us() - request->drains_since_us > server->request_timeout_ms * 1000)
        request->flaw = "the body does not end in time";
    if (request->overdue || request->flaw != NULL)
        return FCGI_SENT_GONE;
    return must_drain(request) ? FCGI_SENT_PART : fcgi_piece_send(&request->piece, request->fd);
}

bool fcgi_has_room(const struct fcgi_request *request)
{
    socklen_t size = sizeof(int);
    int queued, most;

    return ioctl(request->fd, SIOCOUTQ, &queued) != 0 ||
           getsockopt(request->fd, SOL_SOCKET, SO_SNDBUF, &most, &size) != 0 || queued == 0 ||
           queued + PIECE_ROOM_BYTES < most;
}
