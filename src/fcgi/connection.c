#include "fcgi/connection.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /*
     * How much is held of a body that is read whole: the most that a handler reads (exchange.h). The rest is drained.
     */
    HELD_MAX_BYTES = 256 * 1024,
    /* A buffer grows by doubling, and the last window may exceed the limit. */
    HELD_ARENA_MAX_BYTES = 4 * HELD_MAX_BYTES,
    /*
     * So much of a body that comes in turns is taken in one turn; other requests wait no longer than a hard disk takes
     * for it.
     */
    TURN_MAX_BYTES = 256 * 1024,
};

void fcgi_connection_watch(struct fcgi_request *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    connection->events = events;
    /* Can't fail for a descriptor of the set (epoll_ctl(2)); if it did, the deadline would end the connection. */
    epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

void fcgi_connection_enter(struct fcgi_request *connection, enum fcgi_connection_state state)
{
    bool stands = state != FCGI_IDLE && state != FCGI_IN_HAND;

    if (connection->state == state)
        return;
    connection->state = state;
    connection->since_us = stands ? connection->server->clock->monotonic_us() : 0;
}

void fcgi_wake_at(struct fcgi_request *connection, int64_t at_us)
{
    if (connection->wake_at_us != 0)
        TAILQ_REMOVE(&connection->server->due, connection, in_due);
    connection->wake_at_us = at_us;
    if (at_us != 0)
        TAILQ_INSERT_TAIL(&connection->server->due, connection, in_due);
}

struct fcgi_request *fcgi_connection_new(struct fcgi_server *server, int fd)
{
    struct fcgi_request *connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = FCGI_HEAD_EVENTS, .data.ptr = connection};

    if (connection == NULL || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(connection);
        close(fd);
        return NULL;
    }
    connection->server = server;
    connection->fd = fd;
    connection->since_us = server->clock->monotonic_us();
    connection->events = FCGI_HEAD_EVENTS;
    connection->reader.leaves = true;
    arena_init(&connection->arena, HELD_ARENA_MAX_BYTES);
    LIST_INSERT_HEAD(&server->all, connection, in_all);
    server->connections++;
    return connection;
}

/* The next request on this connection begins with the byte after this one's body. */
static void forget_request(struct fcgi_request *connection)
{
    free(connection->params);
    connection->params = NULL;
    arena_free(&connection->arena);
    connection->head.length = 0;
    connection->context = NULL;
    connection->piece = (struct fcgi_piece){.last = false};
}

void fcgi_abandon(struct fcgi_request *connection, const char *reason)
{
    bool flawed = connection->flaw != NULL;

    LOG_EVENT(connection->server->log, flawed ? LOG_WARN : LOG_DEBUG, "fastcgi_closed",
              LOG_TEXT("reason", flawed ? connection->flaw : reason));
    fcgi_wake_at(connection, 0);
    forget_request(connection);
    fcgi_reader_free(&connection->reader);
    /*
     * A child between fork and exec also has the socket, so closing it here would leave it in the set (epoll(7), Q6).
     */
    epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    close(connection->fd);
    LIST_REMOVE(connection, in_all);
    connection->server->connections--;
    free(connection);
}

/* A body for which there is no memory counts as cut off. */
static void hold(void *arg, const void *bytes, size_t length)
{
    struct fcgi_request *connection = arg;

    if (!buf_add(&connection->held, bytes, length))
        connection->body.state = FCGI_BODY_CUT;
}

/* Returns the head's length when it is whole, else 0. */
static size_t take_head(struct fcgi_request *connection, const unsigned char *bytes, size_t length)
{
    enum fcgi_head found = fcgi_head_check(bytes, length, &connection->head);

    if (found == FCGI_HEAD_BAD)
        connection->flaw = "this is not the head of a request";
    if (found != FCGI_HEAD_COMPLETE)
        return 0;
    connection->params = fcgi_params_decode(&connection->server->decoder, bytes, connection->head.length);
    if (connection->params == NULL)
        connection->flaw = "there is no memory for a head";
    connection->drains_since_us = 0;
    connection->held_read = 0;
    buf_init(&connection->held, &connection->arena, HELD_ARENA_MAX_BYTES);
    connection->body = (struct fcgi_body){.id = connection->head.id, .take = hold, .arg = connection};
    return connection->head.length;
}

/*
 * A whole head begins a request. A body that is read whole follows; one that comes in turns is left until it is asked
 * for.
 */
static size_t take_request(void *arg, const unsigned char *bytes, size_t length)
{
    struct fcgi_request *connection = arg;
    size_t at = connection->head.length == 0 ? take_head(connection, bytes, length) : 0;

    if (connection->head.length == 0 || connection->head.in_turns)
        return at;
    return at + fcgi_body_feed(&connection->body, bytes + at, length - at);
}

/* Whether the request can be given to a handler. */
static bool collected(const struct fcgi_request *connection)
{
    return connection->head.length > 0 && (connection->head.in_turns || connection->body.state != FCGI_BODY_MORE ||
                                           connection->held.length >= HELD_MAX_BYTES);
}

static bool take_what_came(struct fcgi_request *connection)
{
    enum fcgi_came came;

    fcgi_wake_at(connection, 0);
    do {
        came = fcgi_reader_read(&connection->reader, connection->fd, &connection->server->window, take_request,
                                connection);
        /* Only the body of a request in turns stays in the socket, and only after the first head (t/5955). */
        connection->reader.leaves = connection->reader.leaves && connection->head.length == 0;
    } while (came == FCGI_CAME_BYTES && connection->reader.full && !collected(connection) && connection->flaw == NULL);
    if (came == FCGI_CAME_END && (connection->reader.length > 0 || connection->head.length > 0))
        connection->flaw = "the peer has gone inside a request";
    else if (connection->head.length > 0 && connection->body.state == FCGI_BODY_CUT)
        connection->flaw = "this is not the body of a request";
    if (connection->flaw != NULL || came == FCGI_CAME_END ||
        (came == FCGI_CAME_NOTHING && connection->state == FCGI_IDLE && connection->server->lets_go)) {
        fcgi_abandon(connection, came == FCGI_CAME_END ? "the peer has gone" : "this worker ends");
        return false;
    }
    if (came == FCGI_CAME_BYTES)
        fcgi_connection_enter(connection, collected(connection) ? FCGI_IN_HAND : FCGI_COLLECTING);
    return connection->state == FCGI_IN_HAND;
}

enum fcgi_body_state fcgi_take_body(struct fcgi_request *connection, fcgi_body_taker *take, void *arg)
{
    struct fcgi_body *body = &connection->body;
    size_t limit = body->taken + TURN_MAX_BYTES, held = connection->held.length - connection->held_read;

    if (take != NULL && held > 0)
        take(arg, connection->held.bytes + connection->held_read, held);
    connection->held_read = connection->held.length;
    body->take = take;
    body->arg = arg;
    while (body->state == FCGI_BODY_MORE && body->taken < limit) {
        enum fcgi_came came =
            fcgi_reader_read(&connection->reader, connection->fd, &connection->server->window, fcgi_body_feed, body);

        if (came == FCGI_CAME_END)
            body->state = FCGI_BODY_CUT;
        if (came != FCGI_CAME_BYTES || !connection->reader.full)
            break;
    }
    return body->state;
}

void fcgi_sent_all(struct fcgi_request *connection)
{
    bool keep = connection->head.keep;

    if (!keep && fcgi_take_body(connection, NULL, NULL) != FCGI_BODY_MORE) {
        fcgi_abandon(connection, "the answer is sent");
        return;
    }
    forget_request(connection);
    fcgi_connection_enter(connection, keep ? FCGI_IDLE : FCGI_LINGERING);
    if (!keep) {
        shutdown(connection->fd, SHUT_WR); /* nginx may wait for the closing to see the end */
        fcgi_connection_watch(connection, EPOLLIN | EPOLLRDHUP);
        return;
    }
    if (connection->events != FCGI_HEAD_EVENTS)
        fcgi_connection_watch(connection, FCGI_HEAD_EVENTS);
    /* The peer may be in the middle of its next request already. */
    if (connection->server->lets_go || fcgi_reader_holds(&connection->reader))
        fcgi_wake_at(connection, connection->server->clock->monotonic_us());
}

bool fcgi_connection_wake(struct fcgi_request *connection)
{
    switch (connection->state) {
    case FCGI_IDLE:
    case FCGI_COLLECTING:
        return take_what_came(connection);
    case FCGI_WAITING:
        fcgi_resume(connection);
        return true;
    case FCGI_LINGERING:
        if (fcgi_take_body(connection, NULL, NULL) != FCGI_BODY_MORE)
            fcgi_abandon(connection, "the answer is sent");
        return false;
    case FCGI_IN_HAND:
        break; /* its owner keeps it */
    }
    return false;
}
