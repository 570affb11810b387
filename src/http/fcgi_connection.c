#include "http/fcgi_connection.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* Held of a body that is wanted whole: the most that a handler reads (exchange.h). The rest of a longer one is drained. */
    HELD_MAX_BYTES = 256 * 1024,
    /* buf doubles, and the last window may go beyond the limit. */
    HELD_ARENA_MAX_BYTES = 4 * HELD_MAX_BYTES,
    /* Of a body that comes in turns, so much in one turn: others wait no longer than a hard disk would take for it. */
    TURN_MAX_BYTES = 256 * 1024,
};

void fcgi_connection_watch(struct fcgi_request *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    connection->events = events;
    /* Can't fail for a descriptor of the set (epoll_ctl(2)); if it did, the deadline would find the connection. */
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

struct fcgi_request *fcgi_connection_new(struct fcgi_server *server, int fd)
{
    struct fcgi_request *connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = FCGI_HEAD_EVENTS, .data.ptr = connection};

    if (connection == NULL || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(connection);
        close(fd);
        return NULL;
    }
    *connection = (struct fcgi_request){
        .server = server,
        .fd = fd,
        .state = FCGI_COLLECTING,
        .since_us = server->clock->monotonic_us(),
        .events = FCGI_HEAD_EVENTS,
        .reader.leaves = true,
    };
    arena_init(&connection->arena, HELD_ARENA_MAX_BYTES);
    LIST_INSERT_HEAD(&server->all, connection, in_all);
    server->connections++;
    return connection;
}

void fcgi_connection_forget_request(struct fcgi_request *connection)
{
    free(connection->params);
    connection->params = NULL;
    arena_free(&connection->arena);
    connection->head.length = 0;
    connection->context = NULL;
    connection->piece = (struct fcgi_piece){.last = false};
}

void fcgi_connection_close(struct fcgi_request *connection, enum log_level level, const char *reason)
{
    LOG_EVENT(connection->server->log, level, "fastcgi_closed", LOG_TEXT("reason", reason));
    fcgi_wake_never(connection);
    fcgi_connection_forget_request(connection);
    fcgi_reader_free(&connection->reader);
    /* A child between fork and exec has the socket too, so closing alone would leave it in the set (epoll(7), Q6). */
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

/* A whole head begins a request; a body that is wanted whole follows it, one that comes in turns is left until it is asked for. */
static size_t take_head(void *arg, const unsigned char *bytes, size_t length)
{
    struct fcgi_request *connection = arg;
    struct fcgi_head_facts head;
    enum fcgi_head found = fcgi_head_check(bytes, length, &head);

    if (found == FCGI_HEAD_PARTIAL)
        return 0;
    if (found == FCGI_HEAD_BAD) {
        connection->flaw = "this is not the head of a request";
        return 0;
    }
    connection->params = fcgi_params_decode(&connection->server->decoder, bytes, head.length);
    if (connection->params == NULL) {
        connection->flaw = "there is no memory for a head";
        return 0;
    }
    connection->head = head;
    connection->drains_since_us = 0;
    connection->held_read = 0;
    buf_init(&connection->held, &connection->arena, HELD_ARENA_MAX_BYTES);
    fcgi_body_init(&connection->body, head.id, hold, connection);
    if (head.in_turns)
        return head.length;
    return head.length + fcgi_body_feed(&connection->body, bytes + head.length, length - head.length);
}

/* Whether the request can be given to a handler. */
static bool collected(const struct fcgi_request *connection)
{
    return connection->head.length > 0 && (connection->head.in_turns || connection->body.state != FCGI_BODY_MORE ||
                                           connection->held.length >= HELD_MAX_BYTES);
}

bool fcgi_connection_take(struct fcgi_request *connection)
{
    struct fcgi_window *window = &connection->server->window;
    enum fcgi_came came;

    fcgi_wake_never(connection);
    do {
        if (connection->head.length == 0)
            came = fcgi_reader_read(&connection->reader, connection->fd, window, take_head, connection);
        else
            came = fcgi_reader_read(&connection->reader, connection->fd, window, fcgi_body_feed, &connection->body);
        /* Nothing stays in the socket but a body that comes in turns, and that only behind the first head (t/5955). */
        connection->reader.leaves = connection->reader.leaves && connection->head.length == 0;
    } while (came == FCGI_CAME_BYTES && connection->reader.full && !collected(connection) && connection->flaw == NULL);
    if (came == FCGI_CAME_END) {
        bool began = connection->reader.length > 0 || connection->head.length > 0;

        fcgi_connection_close(connection, began ? LOG_WARN : LOG_DEBUG,
                              began ? "the peer has gone inside a request" : "the peer has gone");
        return false;
    }
    if (connection->head.length > 0 && connection->body.state == FCGI_BODY_CUT)
        connection->flaw = "this is not the body of a request";
    if (connection->flaw != NULL) {
        fcgi_connection_close(connection, LOG_WARN, connection->flaw);
        return false;
    }
    if (came == FCGI_CAME_BYTES)
        fcgi_connection_enter(connection, collected(connection) ? FCGI_IN_HAND : FCGI_COLLECTING);
    return connection->state == FCGI_IN_HAND;
}

enum fcgi_body_state fcgi_connection_take_body(struct fcgi_request *connection, fcgi_body_taker *take, void *arg)
{
    struct fcgi_body *body = &connection->body;
    size_t limit = body->taken + TURN_MAX_BYTES;
    enum fcgi_came came = FCGI_CAME_BYTES;

    body->take = take;
    body->arg = arg;
    for (bool more = true; more && body->state == FCGI_BODY_MORE && body->taken < limit;) {
        came = fcgi_reader_read(&connection->reader, connection->fd, &connection->server->window, fcgi_body_feed, body);
        more = came == FCGI_CAME_BYTES && connection->reader.full;
    }
    if (came == FCGI_CAME_END)
        body->state = FCGI_BODY_CUT;
    return body->state;
}

void fcgi_connection_end_wait(struct fcgi_request *connection)
{
    fcgi_wake_never(connection);
    fcgi_connection_enter(connection, FCGI_IN_HAND);
}

void fcgi_connection_let_go(struct fcgi_request *connection)
{
    char byte;

    if (!fcgi_reader_holds(&connection->reader) &&
        recv(connection->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) <= 0)
        fcgi_connection_close(connection, LOG_DEBUG, "this worker ends");
}

static size_t waste(void *arg, const unsigned char *bytes, size_t length)
{
    (void)arg;
    (void)bytes;
    return length;
}

void fcgi_connection_linger(struct fcgi_request *connection)
{
    if (fcgi_reader_read(&connection->reader, connection->fd, &connection->server->window, waste, NULL) ==
        FCGI_CAME_END)
        fcgi_connection_close(connection, LOG_DEBUG, "the peer has seen its answer");
}
