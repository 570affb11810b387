#include "http/fcgi_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /*
     * Held of a body that has not come with its head: the most that a handler reads whole (exchange.h). nginx has all of
     * it (mayfly-small.conf: 128 KiB) and sends it at once, so that few are held at a time; of a longer one the rest is
     * read in turns.
     */
    HELD_MAX_BYTES = 256 * 1024,
    /* buf doubles, and the last recv may go beyond the limit. */
    HELD_ARENA_MAX_BYTES = 4 * HELD_MAX_BYTES,
};

void fcgi_hold_init(struct fcgi_request *connection)
{
    arena_init(&connection->held_arena, HELD_ARENA_MAX_BYTES);
    fcgi_hold_drop(connection);
}

void fcgi_hold_drop(struct fcgi_request *connection)
{
    arena_free(&connection->held_arena);
    buf_init(&connection->held, &connection->held_arena, HELD_ARENA_MAX_BYTES);
    connection->held_read = 0;
}

static void ignore(void *arg, const void *bytes, size_t length)
{
    (void)arg;
    (void)bytes;
    (void)length;
}

bool fcgi_came_whole(const struct fcgi_request *connection, size_t length)
{
    size_t head_length = connection->head.length;
    struct fcgi_body body;

    fcgi_body_init(&body, connection->head.id);
    return fcgi_body_feed(&body, connection->server->bytes + head_length, length - head_length, ignore, NULL) ==
           FCGI_BODY_END;
}

/* A body for which there is no memory counts as cut off. */
static void keep(void *arg, const void *bytes, size_t length)
{
    struct fcgi_request *connection = arg;

    if (!buf_add(&connection->held, bytes, length))
        connection->body.state = FCGI_BODY_CUT;
}

/* False: there is nothing more to read just now. */
static bool hold_more(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    ssize_t length = recv(connection->fd, server->bytes, sizeof server->bytes, MSG_DONTWAIT);

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0 ||
        fcgi_body_feed(&connection->body, server->bytes, (size_t)length, keep, connection) == FCGI_BODY_CUT) {
        LOG_EVENT(server->log, LOG_WARN, "fastcgi_body_lost", LOG_NUMBER("bytes", (int64_t)connection->held.length));
        connection->body.state = FCGI_BODY_CUT;
    }
    return true;
}

bool fcgi_hold(struct fcgi_request *connection)
{
    while (connection->body.state == FCGI_BODY_MORE && connection->held.length < HELD_MAX_BYTES)
        if (!hold_more(connection)) {
            connection->state = FCGI_HOLDING;
            return false;
        }
    if (connection->body.state == FCGI_BODY_CUT) {
        fcgi_connection_close(connection);
        return false;
    }
    connection->waiting_since_us = 0;
    connection->state = FCGI_IN_HAND;
    return true;
}

size_t fcgi_hold_read(struct fcgi_request *connection, void *bytes, size_t size)
{
    size_t left = connection->held.length - connection->held_read;
    size_t length = left < size ? left : size;

    memcpy(bytes, connection->held.bytes + connection->held_read, length);
    connection->held_read += length;
    return length;
}
