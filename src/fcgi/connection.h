/*
 * What the loop (fcgi/server.c), its connections and their requests (fcgi/request.c) share. No other file includes it.
 */
#ifndef MAYFLY_FCGI_CONNECTION_H
#define MAYFLY_FCGI_CONNECTION_H

#include "base/buf.h"
#include "fcgi/answer.h"
#include "fcgi/fcgi.h"
#include "fcgi/head.h"
#include "fcgi/params.h"
#include "fcgi/reader.h"

#include <sys/epoll.h>
#include <sys/queue.h>

/* For heads: edge-triggered, so that half a head does not wake the loop again. */
#define FCGI_HEAD_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

/*
 * The life of a connection; fcgi_connection_enter makes each transition.
 *
 *   (made, zeroed) --> COLLECTING
 *   COLLECTING --the head is there, and the body if it is read whole--> IN_HAND
 *   IN_HAND --fcgi_wait, fcgi_wait_ms--> WAITING --an event, the time, or the deadline--> IN_HAND
 *   IN_HAND --fcgi_sent_all: answered, and the body is at its end--> IDLE, or closed
 *   IDLE --the next request begins--> COLLECTING
 *   IN_HAND --fcgi_sent_all before the body's end, when the peer won't use the connection again--> LINGERING
 *   any --fcgi_abandon--> gone
 *
 * A peer that may use the connection again gets the end of an answer only when its request's body is at its end: until
 * then fcgi_send says that a part is left, and drains the body. Closing instead would break the pipe that nginx is
 * writing to, which nginx takes for a dead worker; so LINGERING reads to the body's end.
 */
enum fcgi_connection_state { FCGI_COLLECTING, FCGI_IDLE, FCGI_IN_HAND, FCGI_WAITING, FCGI_LINGERING };

/* One connection of nginx, and the request on it when there is one. */
struct fcgi_request {
    struct fcgi_server *server;
    LIST_ENTRY(fcgi_request) in_all; /* the server's lists */
    TAILQ_ENTRY(fcgi_request) in_due;
    int fd;
    enum fcgi_connection_state state;
    int64_t since_us; /* in COLLECTING, WAITING and LINGERING: what the deadline counts from; else 0 */
    uint32_t events;  /* the events that the epoll set has it for */
    struct fcgi_reader reader;
    const char *flaw; /* why the connection has to be closed; a constant, or NULL */

    struct fcgi_head_facts head; /* length 0: not complete yet */
    char **params;
    struct fcgi_body body;
    struct arena arena; /* the held body's */
    struct buf held;    /* a body that is read whole */
    size_t held_read;
    struct fcgi_piece piece;
    void *context;

    int64_t patience_ms;     /* in WAITING: how long it may be without progress */
    int queued;              /* bytes that the peer had not taken at the last look */
    bool overdue;            /* the peer does not read any more */
    int64_t drains_since_us; /* the answer's end waits for the body's; else 0 */
    int64_t wake_at_us;      /* 0: not in the list of connections to be woken */
};

struct fcgi_server {
    const struct clock *clock;
    const struct log *log;
    int64_t request_timeout_ms;
    int64_t stream_timeout_ms;
    size_t connections_max;
    int epoll_fd;
    int signal_fd;
    struct fcgi_decoder decoder;
    bool listening; /* the listening socket is in the epoll set */
    bool paused;
    enum fcgi_stop asked; /* by signals */
    enum fcgi_stop stop;
    bool lets_go; /* connections are not kept */
    int64_t overdue_checked_us;
    size_t connections;
    LIST_HEAD(, fcgi_request) all;
    TAILQ_HEAD(, fcgi_request) due; /* to be woken at their time; the one that has slept longest comes first */
    struct fcgi_window window;
};

/* Makes a connection of this descriptor, which it takes over, and waits for its head. NULL: it was closed. */
struct fcgi_request *fcgi_connection_new(struct fcgi_server *, int fd) MUST_CHECK;

void fcgi_connection_enter(struct fcgi_request *, enum fcgi_connection_state);

/* Sets the events that the epoll set has it for; also wakes it for what is ready already. */
void fcgi_connection_watch(struct fcgi_request *, uint32_t events);

/*
 * Called when it is ready or due. True: its request is ready and IN_HAND. Closes a connection that is over or invalid.
 */
bool fcgi_connection_wake(struct fcgi_request *) MUST_CHECK;

/* Wakes it at this time, even if nothing happens on it; 0: never. */
void fcgi_wake_at(struct fcgi_request *, int64_t at_us);

#endif
