/*
 * What the loop (fcgi_server.c), what is due in it (fcgi_due.c), its connections, the bodies that are collected on them
 * (fcgi_hold.c) and their requests (fcgi.c) share; nobody else includes it.
 */
#ifndef MAYFLY_HTTP_FCGI_CONNECTION_H
#define MAYFLY_HTTP_FCGI_CONNECTION_H

#include "base/buf.h"
#include "http/fcgi.h"
#include "http/fcgi_answer.h"
#include "http/fcgi_head.h"

#include <fcgiapp.h>
#include <sys/epoll.h>

/* For heads: edge-triggered, so that half a head does not wake anybody again. */
#define FCGI_HEAD_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

/*
 * The life of a connection:
 *
 *   IDLE --fcgi_connection_take: a request is there--> IN_HAND --fcgi_sent_all--> IDLE, or closed
 *   IDLE --fcgi_connection_take: its body is not--> HOLDING --fcgi_hold: now it is--> IN_HAND
 *   HOLDING --the deadline--> closed
 *   IN_HAND --fcgi_wait, fcgi_wait_ms--> WAITING --an event, or the deadline--> IN_HAND
 *   IN_HAND --fcgi_sent_all before the body's end--> LINGERING --the peer closes, or the deadline--> closed
 *
 * Whoever answers before the body has come must not close: nginx would still be writing, and take the broken pipe for a
 * dead worker.
 */
enum fcgi_connection_state { FCGI_IDLE, FCGI_HOLDING, FCGI_IN_HAND, FCGI_WAITING, FCGI_LINGERING };

/* One connection of nginx, and the request on it when there is one. */
struct fcgi_request {
    FCGX_Request fcgx;
    struct fcgi_server *server;
    struct fcgi_request *next, **link; /* all connections of the server */
    int fd;
    enum fcgi_connection_state state;
    uint32_t events; /* that the epoll set has it for */
    struct fcgi_head_facts head;
    bool reads_body;       /* here; else libfcgi does, since all of it has come */
    struct fcgi_body body; /* with reads_body */
    struct arena held_arena;
    struct buf held; /* what has come of a body that a handler may want whole */
    size_t held_read;
    struct fcgi_piece piece;
    void *context;
    int64_t wake_at_us;       /* in WAITING for a time; else 0 */
    int64_t patience_ms;      /* in WAITING: how long it may stand still */
    int64_t waiting_since_us; /* for the rest of a head, or in HOLDING, WAITING and LINGERING; 0: idle */
    int queued;               /* bytes that the peer had not taken when it was looked last */
    bool overdue;             /* the peer takes nothing any more */
};

struct fcgi_server {
    const struct clock *clock;
    const struct log *log;
    int64_t request_timeout_ms;
    int64_t stream_timeout_ms;
    int epoll_fd;
    int signal_fd;
    int head_pipe[2]; /* takes heads whose bodies libfcgi is not to read to it, and not a byte more */
    bool listening;   /* the listening socket is in the epoll set */
    bool paused;
    enum fcgi_stop asked; /* by signals */
    enum fcgi_stop stop;
    int64_t let_go_by_us;   /* 0: connections are kept */
    int64_t let_go_next_us; /* when an idle one is closed */
    int64_t overdue_checked_us;
    size_t connections;
    size_t sleepers; /* connections with a wake_at_us */
    struct fcgi_request *first;
    unsigned char bytes[FCGI_HEAD_MAX_BYTES]; /* to look at what waits, and to pass on what came */
};

/* A connection of this descriptor, whose head is waited for; takes over fd. NULL: it was closed. */
struct fcgi_request *fcgi_connection_new(struct fcgi_server *, int fd) MUST_CHECK;
void fcgi_connection_close(struct fcgi_request *);

/* What the epoll set has it for from now on; also wakes it again for what is ready already. */
void fcgi_connection_watch(struct fcgi_request *, uint32_t events);

/* Takes the request on a connection when it is there; closes a connection that is over or speaks nonsense. */
bool fcgi_connection_take(struct fcgi_request *) MUST_CHECK;

/* WAITING -> IN_HAND */
void fcgi_connection_end_wait(struct fcgi_request *);

/* Has answered at least once, and may do so again. */
bool fcgi_connection_idle(const struct fcgi_request *);

/* Closes an idle connection, unless a request has just come on it. */
void fcgi_connection_let_go(struct fcgi_request *);

/* Throws away what comes after the answer, until the peer has seen it and closes. */
void fcgi_connection_linger(struct fcgi_request *);

void fcgi_hold_init(struct fcgi_request *);

/* Whether the body is there with its head, in the first length bytes that wait: libfcgi can read it, and won't wait. */
bool fcgi_came_whole(const struct fcgi_request *, size_t length) MUST_CHECK;

/*
 * Collects the body of a request whose head was taken. True, and IN_HAND: it is whole, or longer than is held. False:
 * HOLDING, or closed since it is cut off.
 */
bool fcgi_hold(struct fcgi_request *) MUST_CHECK;

/* Up to size bytes of what is held; 0: that was all. */
size_t fcgi_hold_read(struct fcgi_request *, void *bytes, size_t size);

/* Forgets what is held. */
void fcgi_hold_drop(struct fcgi_request *);

/* At most timeout_ms: less when something is due sooner. */
int fcgi_until_due(const struct fcgi_server *, int timeout_ms) MUST_CHECK;

/* Takes the requests whose time to wake has come, at most `most`. */
size_t fcgi_wake_sleepers(struct fcgi_server *, struct fcgi_request **requests, size_t most);

/* Ends what does not get on, and lets go of an idle connection when that is due. */
void fcgi_close_due(struct fcgi_server *);

bool fcgi_head_pipe_open(struct fcgi_server *) MUST_CHECK;
void fcgi_head_pipe_close(struct fcgi_server *);

#endif
