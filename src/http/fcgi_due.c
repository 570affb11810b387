#include "http/fcgi_connection.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

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
        fcgi_connection_watch(connection, EPOLLIN);
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
        int64_t limit_ms = connection->state == FCGI_WAITING ? connection->patience_ms : server->request_timeout_ms;

        next = connection->next;
        if (connection->state == FCGI_WAITING && gets_on(connection))
            connection->waiting_since_us = now_us;
        if (connection->waiting_since_us == 0 || now_us - connection->waiting_since_us <= limit_ms * 1000)
            continue;
        if (connection->state == FCGI_WAITING)
            wake_overdue(connection);
        else
            fcgi_connection_close(connection);
    }
}

/* Connections go at times of chance that would last until let_go_by_us if there were so many idle ones all the time. */
static void plan_let_go(struct fcgi_server *server, int64_t now_us, size_t idle)
{
    int64_t left_us = server->let_go_by_us - now_us;

    server->let_go_next_us = now_us + random_below((uint32_t)(2 * left_us / (int64_t)(idle + 1)) + 1);
}

void fcgi_server_let_go(struct fcgi_server *server, int64_t within_ms)
{
    int64_t now_us = server->clock->monotonic_us();

    server->let_go_by_us = now_us + within_ms * 1000;
    plan_let_go(server, now_us, server->connections);
}

/* The one that is idle for longest: nginx prefers the latest. What is left when the time is over goes with the server. */
static void let_one_go(struct fcgi_server *server)
{
    int64_t now_us = server->clock->monotonic_us();
    struct fcgi_request *oldest = NULL;
    size_t idle = 0;

    if (now_us >= server->let_go_by_us || now_us < server->let_go_next_us)
        return;
    for (struct fcgi_request *connection = server->first; connection != NULL; connection = connection->next)
        if (fcgi_connection_idle(connection)) {
            oldest = connection;
            idle++;
        }
    plan_let_go(server, now_us, idle);
    if (oldest != NULL)
        fcgi_connection_let_go(oldest);
}

void fcgi_close_due(struct fcgi_server *server)
{
    close_overdue(server);
    let_one_go(server);
}

static int sooner(int timeout_ms, int64_t left_us)
{
    if (left_us >= timeout_ms * INT64_C(1000))
        return timeout_ms;
    return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

/* A handful sleep at a time, so a list will do. */
int fcgi_until_due(const struct fcgi_server *server, int timeout_ms)
{
    int64_t now_us = server->clock->monotonic_us();

    if (now_us < server->let_go_by_us)
        timeout_ms = sooner(timeout_ms, server->let_go_next_us - now_us);
    if (server->sleepers == 0)
        return timeout_ms;
    for (const struct fcgi_request *connection = server->first; connection != NULL; connection = connection->next)
        if (connection->wake_at_us != 0)
            timeout_ms = sooner(timeout_ms, connection->wake_at_us - now_us);
    return timeout_ms;
}

size_t fcgi_wake_sleepers(struct fcgi_server *server, struct fcgi_request **requests, size_t most)
{
    int64_t now_us = server->clock->monotonic_us();
    size_t count = 0;

    if (server->sleepers == 0)
        return 0;
    for (struct fcgi_request *connection = server->first; connection != NULL && count < most;
         connection = connection->next)
        if (connection->wake_at_us != 0 && connection->wake_at_us <= now_us) {
            fcgi_connection_end_wait(connection);
            requests[count++] = connection;
        }
    return count;
}
