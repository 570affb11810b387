/*
 * The worker's event loop (fcgi/server.c): one epoll set over the listening socket, the kept connections and the signals.
 * A connection (fcgi/connection.c) has one reader of its bytes (fcgi/reader.c), which gives a whole head to libfcgi
 * (fcgi/params.c) and then the body, up to its end, to whoever asks for it; what follows is the next request's. What is done
 * with a request is in fcgi/request.c.
 *
 * A body is collected before its request is served, or comes in turns with other requests when nginx passes it on as it
 * comes (it says so by the parameter MAYFLY_STREAM). Nothing here ever waits but fcgi_gather.
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
    FCGI_RECYCLE, /* another worker takes the place: accept no more, answer what is in hand. A signal only asks for it */
    FCGI_LEAVE,   /* the pool goes: unlink the socket's path, answer what is queued as well */
};

/*
 * Takes over the listening socket, which must be on descriptor 0. Signals TERM, INT, USR1 (leave), USR2 and HUP (recycle)
 * are blocked and read here. With connections_max open, new ones are left to other workers. A head, and a body that is collected,
 * must be complete within request_timeout_ms, for which an answer that is sent whole may stand still; a body or answer in turns
 * may for stream_timeout_ms. ERR_INPUT: descriptor 0 is not a listening socket.
 */
bool fcgi_server_new(struct fcgi_server **serverp, const struct clock *, const struct log *, size_t connections_max,
                     int64_t request_timeout_ms, int64_t stream_timeout_ms, struct err *) MUST_CHECK;
void fcgi_server_free(struct fcgi_server *);

/*
 * Waits up to timeout_ms and takes at most `most` requests that can be got on with: new ones whose heads are complete, on
 * kept connections and at most one on a new one, so that a worker that is busy leaves the others to its siblings; and
 * those that fcgi_wait put aside. Each must be given to fcgi_sent_all, fcgi_abandon, fcgi_wait, fcgi_put_back or fcgi_keep before
 * the next call.
 */
size_t fcgi_gather(struct fcgi_server *, struct fcgi_request **requests, size_t most, int timeout_ms);

/* Between the requests of a gathering that take long: new ones on new connections only, and without waiting. */
size_t fcgi_gather_new(struct fcgi_server *, struct fcgi_request **requests, size_t most);

/* What signals have asked for so far, or fcgi_server_stop has. */
enum fcgi_stop fcgi_server_stopping(const struct fcgi_server *);
void fcgi_server_stop(struct fcgi_server *, enum fcgi_stop);

/*
 * Before a stop: from now on each connection is closed after its next answer, and the idle ones one by one, at times of
 * chance within within_ms: if all were closed together, nginx could try one after the other and find that no worker is there.
 */
void fcgi_server_let_go(struct fcgi_server *, int64_t within_ms);

/*
 * In a child that goes on with all of its parent's connections, while the parent only executes another program: the epoll set would tell
 * of the parent's signals. ERR_BUG: none can be read.
 */
bool fcgi_server_forked(struct fcgi_server *, struct err *) MUST_CHECK;

/* fcgi_gather also returns as soon as this descriptor is readable. ERR_BUG when it can't be watched. */
bool fcgi_server_watch(struct fcgi_server *, int fd, struct err *) MUST_CHECK;

/* Connections that are open: requests that come on these must wait for whatever else the worker does. */
size_t fcgi_server_connections(const struct fcgi_server *);

/* Leaves new connections to the siblings for a while; also when it has as many as it may. To be said before each gathering. */
void fcgi_server_pause(struct fcgi_server *, bool paused);

/* NULL-terminated "NAME=value" strings, borrowed until the request is given back. */
const char *const *fcgi_params(const struct fcgi_request *);

/* Up to size bytes of a body that was collected; 0 at its end: compare with CONTENT_LENGTH. */
size_t fcgi_read(struct fcgi_request *, void *bytes, size_t size);

/*
 * What has come of a body by now, slice by slice, borrowed for the call: all that was collected, a bounded part of what
 * comes in turns; NULL throws it away. After FCGI_BODY_MORE wait for more.
 */
enum fcgi_body_state fcgi_take_body(struct fcgi_request *, fcgi_body_taker *take, void *arg) MUST_CHECK;

enum fcgi_wait {
    FCGI_WAIT_BODY,
    FCGI_WAIT_ROOM,  /* for output */
    FCGI_WAIT_TAKEN, /* the same for an answer that is sent whole: nginx takes it at once */
    FCGI_WAIT_TURN,  /* for fcgi_resume; also given back when its peer goes or it has waited for too long */
};

/* Puts the request aside until it can be got on with; fcgi_gather gives it back with this context. */
void fcgi_wait(struct fcgi_request *, enum fcgi_wait, void *context);

/* The same for a time; also given back when its peer goes. */
void fcgi_wait_ms(struct fcgi_request *, int64_t ms, void *context);

/* Takes back a request that was put aside, before fcgi_gather does. */
void fcgi_resume(struct fcgi_request *);

/* Puts back what fcgi_gather gave, as it was put aside before: a later gathering gives it again, behind others. */
void fcgi_put_back(struct fcgi_request *);

/*
 * Leaves the request in hand until its owner is done with something else: fcgi_gather neither gives it back nor reads from its
 * connection. It is then given to one of the other three, or put aside.
 */
void fcgi_keep(struct fcgi_request *, void *context);

/* Whether nobody is there any more to read the answer. */
bool fcgi_gone(const struct fcgi_request *);

/* What fcgi_wait was given; NULL for a new request. */
void *fcgi_context(const struct fcgi_request *);

/*
 * Sends an answer piece by piece, or in one: fcgi_piece sets the next piece (at most FCGI_PIECE_MAX_BYTES, borrowed until it
 * is sent), fcgi_send sends what there is room for; after FCGI_SENT_PART wait for room. On a connection that the peer keeps,
 * the last piece waits until the body, read or not, is at its end. When it has gone, fcgi_sent_all ends the request.
 */
void fcgi_piece(struct fcgi_request *, const void *bytes, size_t length, bool last);
enum fcgi_sent fcgi_send(struct fcgi_request *) MUST_CHECK;
void fcgi_sent_all(struct fcgi_request *);

/* Whether a piece would be taken at once; else fcgi_wait for room holds nothing. */
bool fcgi_has_room(const struct fcgi_request *) MUST_CHECK;

/* Ends a request that can't be answered, and its connection; the reason, or what is wrong with the connection, goes to the log. */
void fcgi_abandon(struct fcgi_request *, const char *reason);

#endif
