/*
 * The worker's event loop (fcgi/server.c): one epoll set over the listening socket, the kept connections and the
 * signals. A connection (fcgi/connection.c) has one reader of its bytes (fcgi/reader.c), which gives a whole head to
 * libfcgi (fcgi/params.c) and then the body, up to its end, to the code that asks for it; what follows belongs to the
 * next request. fcgi/request.c has the operations on a request.
 *
 * A body is collected before its request is served, or comes in turns with other requests when nginx passes it on as it
 * comes (it says so by the parameter MAYFLY_STREAM). Only fcgi_gather waits.
 */
#ifndef MAYFLY_FCGI_FCGI_H
#define MAYFLY_FCGI_FCGI_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "fcgi/answer.h"
#include "fcgi/body.h"

#include <stddef.h>

struct fcgi_server;
struct fcgi_request;

enum fcgi_stop {
    FCGI_RUN,
    /* another worker replaces this one: accept no more, answer what is in hand. A signal only asks for it */
    FCGI_RECYCLE,
    FCGI_LEAVE, /* the pool ends: unlink the socket's path, answer what is queued as well */
};

/*
 * Takes over the listening socket, which must be on descriptor 0. Signals TERM, INT, USR1 (leave), USR2 and HUP
 * (recycle) are blocked and read here. With connections_max open, new ones are left to other workers. A head, and a
 * body that is collected, must be complete within request_timeout_ms. An answer that is sent whole may make no progress
 * for the same time, a body or answer in turns for stream_timeout_ms. ERR_INPUT: descriptor 0 is not a listening
 * socket.
 */
bool fcgi_server_new(struct fcgi_server **serverp, const struct clock *, const struct log *, size_t connections_max,
                     int64_t request_timeout_ms, int64_t stream_timeout_ms, struct err *) MUST_CHECK;
void fcgi_server_free(struct fcgi_server *);

/*
 * Waits up to timeout_ms and takes at most `most` requests that can continue: new ones whose heads are complete, from
 * kept connections and at most one from a new connection, so that a busy worker leaves the others to its siblings; and
 * those that fcgi_wait put aside. Each must be given to fcgi_sent_all, fcgi_abandon, fcgi_wait, fcgi_put_back or
 * fcgi_keep before the next call.
 */
size_t fcgi_gather(struct fcgi_server *, struct fcgi_request **requests, size_t most, int timeout_ms);

/* Called between long requests of one gathering: takes only new requests on new connections, without waiting. */
size_t fcgi_gather_new(struct fcgi_server *, struct fcgi_request **requests, size_t most);

/* What signals or fcgi_server_stop have asked for so far. */
enum fcgi_stop fcgi_server_stopping(const struct fcgi_server *);
void fcgi_server_stop(struct fcgi_server *, enum fcgi_stop);

/*
 * Called before a stop: from now on each connection is closed after its next answer, and each idle one at a random time
 * within within_ms. If all were closed together, nginx could try one after the other and conclude that there is no
 * worker.
 */
void fcgi_server_let_go(struct fcgi_server *, int64_t within_ms);

/*
 * Called in a child that continues with all of its parent's connections while the parent executes another program: the
 * epoll set would report the parent's signals. ERR_BUG: signals can't be read.
 */
bool fcgi_server_forked(struct fcgi_server *, struct err *) MUST_CHECK;

/* fcgi_gather also returns as soon as this descriptor is readable. ERR_BUG when it can't be watched. */
bool fcgi_server_watch(struct fcgi_server *, int fd, struct err *) MUST_CHECK;

/* The number of open connections. Requests that come on them wait for all other work of the worker. */
size_t fcgi_server_connections(const struct fcgi_server *);

/* Leaves new connections to the siblings, as it does by itself at connections_max. To be set before each gathering. */
void fcgi_server_pause(struct fcgi_server *, bool paused);

/* NULL-terminated "NAME=value" strings, borrowed until the request is given back. */
const char *const *fcgi_params(const struct fcgi_request *);

/* Up to size bytes of a body that was collected; 0 at its end: compare with CONTENT_LENGTH. */
size_t fcgi_read(struct fcgi_request *, void *bytes, size_t size);

/*
 * Takes the part of a body that has arrived, slice by slice, borrowed for the call: all of a collected one, a bounded
 * part of one that comes in turns; NULL drops it. After FCGI_BODY_MORE wait for more.
 */
enum fcgi_body_state fcgi_take_body(struct fcgi_request *, fcgi_body_taker *take, void *arg) MUST_CHECK;

enum fcgi_wait {
    FCGI_WAIT_BODY,
    FCGI_WAIT_ROOM,  /* for output */
    FCGI_WAIT_TAKEN, /* for output of an answer that is sent whole, which nginx takes at once */
    FCGI_WAIT_TURN,  /* for fcgi_resume; also given back when its peer closes or it has waited too long */
};

/* Puts the request aside until it can continue; fcgi_gather gives it back with this context. */
void fcgi_wait(struct fcgi_request *, enum fcgi_wait, void *context);

/* The same for a time; also given back when its peer closes. */
void fcgi_wait_ms(struct fcgi_request *, int64_t ms, void *context);

/* Takes back a request that was put aside, before fcgi_gather does. */
void fcgi_resume(struct fcgi_request *);

/* Puts back what fcgi_gather gave, as it was put aside before: a later gathering gives it again, behind others. */
void fcgi_put_back(struct fcgi_request *);

/*
 * Keeps the request in hand while its owner does something else: fcgi_gather neither gives it back nor reads from its
 * connection. Afterwards it is given to one of the other three, or put aside.
 */
void fcgi_keep(struct fcgi_request *, void *context);

/* Whether the peer has closed, so that nobody reads the answer. */
bool fcgi_gone(const struct fcgi_request *);

/* The context that fcgi_wait was given; NULL for a new request. */
void *fcgi_context(const struct fcgi_request *);

/*
 * Sends an answer piece by piece, or in one: fcgi_piece sets the next piece (at most FCGI_PIECE_MAX_BYTES, borrowed
 * until it is sent), fcgi_send sends what there is room for; after FCGI_SENT_PART wait for room. On a connection that
 * the peer keeps, the last piece waits until the body, read or not, is at its end. When it has gone, fcgi_sent_all ends
 * the request.
 */
void fcgi_piece(struct fcgi_request *, const void *bytes, size_t length, bool last);
enum fcgi_sent fcgi_send(struct fcgi_request *) MUST_CHECK;
void fcgi_sent_all(struct fcgi_request *);

/* Whether the socket would take a piece at once. If not, wait for room before making one, so that no memory is held. */
bool fcgi_has_room(const struct fcgi_request *) MUST_CHECK;

/*
 * Ends a request that can't be answered, and its connection; the log gets the reason, or what is wrong with the
 * connection.
 */
void fcgi_abandon(struct fcgi_request *, const char *reason);

#endif
