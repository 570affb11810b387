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
    struct fcgi_request *connection = LIST_FIRST(&server->all), *next;

    if (now_us - server->overdue_checked_us < 1000000)
        return;
    server->overdue_checked_us = now_us;
    for (; connection != NULL; connection = next) {
        int64_t limit_ms = connection->state == FCGI_WAITING ? connection->patience_ms : server->request_timeout_ms;

        next = LIST_NEXT(connection, in_all);
        if (connection->state == FCGI_WAITING && gets_on(connection))
            connection->since_us = now_us;
        if (connection->since_us == 0 || now_us - connection->since_us <= limit_ms * 1000)
            continue;
        if (connection->state == FCGI_WAITING)
            wake_overdue(connection);
        else if (connection->state == FCGI_LINGERING)
            fcgi_connection_close(connection, LOG_DEBUG, "the peer does not close after its answer");
        else
            fcgi_connection_close(connection, LOG_WARN, "the request does not come in time");
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
    struct fcgi_request *connection, *oldest = NULL;
    size_t idle = 0;

    if (now_us >= server->let_go_by_us || now_us < server->let_go_next_us)
        return;
    LIST_FOREACH(connection, &server->all, in_all)
    if (connection->state == FCGI_IDLE) {
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

void fcgi_wake_at(struct fcgi_request *connection, int64_t at_us)
{
    fcgi_wake_never(connection);
    connection->wake_at_us = at_us;
    TAILQ_INSERT_TAIL(&connection->server->due, connection, in_due);
}

void fcgi_wake_never(struct fcgi_request *connection)
{
    if (connection->wake_at_us != 0)
        TAILQ_REMOVE(&connection->server->due, connection, in_due);
    connection->wake_at_us = 0;
}

/* Few sleep at a time, so a list will do. */
int fcgi_until_due(const struct fcgi_server *server, int timeout_ms)
{
    const struct fcgi_request *connection;
    int64_t now_us;

    if (TAILQ_EMPTY(&server->due) && server->let_go_by_us == 0)
        return timeout_ms;
    now_us = server->clock->monotonic_us();
    if (now_us < server->let_go_by_us)
        timeout_ms = sooner(timeout_ms, server->let_go_next_us - now_us);
    TAILQ_FOREACH(connection, &server->due, in_due)
    timeout_ms = sooner(timeout_ms, connection->wake_at_us - now_us);
    return timeout_ms;
}

size_t fcgi_count_due(const struct fcgi_server *server, size_t most)
{
    const struct fcgi_request *connection = TAILQ_FIRST(&server->due);
    int64_t now_us;
    size_t count = 0;

    if (connection == NULL)
        return 0;
    now_us = server->clock->monotonic_us();
    for (; connection != NULL && count < most; connection = TAILQ_NEXT(connection, in_due))
        count += connection->wake_at_us <= now_us;
    return count;
}

/* One that sleeps goes on; on an idle one the next request may have come with the last. */
static bool wake(struct fcgi_request *connection)
{
    bool idle = connection->state == FCGI_IDLE;

    fcgi_wake_never(connection);
    if (idle)
        return fcgi_connection_take(connection);
    fcgi_connection_end_wait(connection);
    return true;
}

size_t fcgi_wake_due(struct fcgi_server *server, struct fcgi_request **requests, size_t most)
{
    struct fcgi_request *connection = TAILQ_FIRST(&server->due), *next;
    int64_t now_us;
    size_t count = 0;

    if (connection == NULL)
        return 0;
    now_us = server->clock->monotonic_us();
    for (; connection != NULL && count < most; connection = next) {
        next = TAILQ_NEXT(connection, in_due);
        if (connection->wake_at_us <= now_us && wake(connection))
            requests[count++] = connection;
    }
    return count;
}
