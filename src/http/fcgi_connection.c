#include "http/fcgi_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void fcgi_connection_watch(struct fcgi_request *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    connection->events = events;
    /* Can't fail for a descriptor of the set (epoll_ctl(2)); if it did, the deadline would find the connection. */
    epoll_ctl(connection->server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

bool fcgi_head_pipe_open(struct fcgi_server *server)
{
    return pipe2(server->head_pipe, O_CLOEXEC | O_NONBLOCK) == 0;
}

void fcgi_head_pipe_close(struct fcgi_server *server)
{
    for (int i = 0; i < 2; i++) {
        if (server->head_pipe[i] >= 0)
            close(server->head_pipe[i]);
        server->head_pipe[i] = -1;
    }
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
    /* Listening socket -1: libfcgi's own accept, which can spin, fails at once. */
    FCGX_InitRequest(&connection->fcgx, -1, 0);
    fcgi_hold_init(connection);
    connection->server = server;
    connection->fd = fd;
    connection->events = FCGI_HEAD_EVENTS;
    connection->next = server->first;
    connection->link = &server->first;
    if (server->first != NULL)
        server->first->link = &connection->next;
    server->first = connection;
    server->connections++;
    return connection;
}

static void forget(struct fcgi_request *connection)
{
    if (connection->wake_at_us != 0)
        connection->server->sleepers--;
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    connection->server->connections--;
    fcgi_hold_drop(connection);
    free(connection);
}

void fcgi_connection_close(struct fcgi_request *connection)
{
    FCGX_Free(&connection->fcgx, 0);
    close(connection->fd);
    forget(connection);
}

/* libfcgi begins a request that came from here. */
static bool begin_request(struct fcgi_request *connection, int fd)
{
    connection->fcgx.ipcFd = fd;
    connection->fcgx.keepConnection = 1; /* or libfcgi would begin by closing it */
    return FCGX_Accept_r(&connection->fcgx) == 0;
}

/* The head goes through a pipe, so that libfcgi reads nothing of the body. */
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
    fcgi_head_pipe_close(server);
    (void)!fcgi_head_pipe_open(server); /* the next head tries again */
    return false;
}

static bool read_head(struct fcgi_request *connection)
{
    if (connection->reads_body)
        return read_head_only(connection);
    if (begin_request(connection, connection->fd))
        return true;
    connection->fd = -1; /* libfcgi has closed it */
    return false;
}

bool fcgi_connection_take(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    ssize_t length = recv(connection->fd, server->bytes, sizeof server->bytes, MSG_PEEK | MSG_DONTWAIT);
    enum fcgi_head head;

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0) {
        fcgi_connection_close(connection);
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
        fcgi_connection_close(connection);
        return false;
    }
    connection->reads_body = connection->head.in_turns || !fcgi_came_whole(connection, (size_t)length);
    if (!read_head(connection)) {
        LOG_EVENT(server->log, LOG_WARN, "fastcgi_head_lost", LOG_NUMBER("bytes", length));
        fcgi_connection_close(connection);
        return false;
    }
    if (connection->reads_body && !connection->head.in_turns) {
        connection->waiting_since_us = server->clock->monotonic_us();
        return fcgi_hold(connection);
    }
    connection->state = FCGI_IN_HAND;
    return true;
}

void fcgi_connection_end_wait(struct fcgi_request *connection)
{
    if (connection->wake_at_us != 0)
        connection->server->sleepers--;
    connection->wake_at_us = 0;
    connection->waiting_since_us = 0;
    connection->state = FCGI_IN_HAND;
}

/* One that was just accepted has no head yet. Nor is half a head left alone. */
bool fcgi_connection_idle(const struct fcgi_request *connection)
{
    return connection->state == FCGI_IDLE && connection->head.length > 0 && connection->waiting_since_us == 0;
}

void fcgi_connection_let_go(struct fcgi_request *connection)
{
    char byte;

    if (recv(connection->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) <= 0)
        fcgi_connection_close(connection);
}

void fcgi_connection_linger(struct fcgi_request *connection)
{
    struct fcgi_server *server = connection->server;
    ssize_t got = recv(connection->fd, server->bytes, sizeof server->bytes, MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        fcgi_connection_close(connection);
}
