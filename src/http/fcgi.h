/*
 * The one file that knows libfcgi, and the worker's event loop: one epoll set over the listening socket, the kept
 * connections and the signals. A request is taken only when its head has wholly arrived, so a silent or half-sent
 * connection holds nobody up; libfcgi then never waits for anything but a body.
 */
#ifndef MAYFLY_HTTP_FCGI_H
#define MAYFLY_HTTP_FCGI_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stddef.h>

struct fcgi_server;
struct fcgi_request;

enum fcgi_stop {
    FCGI_RUN,
    FCGI_RECYCLE, /* another worker takes the place: accept no more, answer what is in hand */
    FCGI_LEAVE,   /* the pool goes: unlink the socket's path, answer what is queued as well */
};

/*
 * Takes over the listening socket, which must be on descriptor 0. Signals TERM, INT, USR1 (leave), USR2 and HUP (recycle)
 * are blocked and read here. ERR_INPUT: descriptor 0 is not a listening socket.
 */
bool fcgi_server_new(struct fcgi_server **serverp, const struct clock *, const struct log *, int64_t request_timeout_ms,
                     struct err *) MUST_CHECK;
void fcgi_server_free(struct fcgi_server *);

/*
 * Waits up to timeout_ms for requests whose heads are complete and takes at most `most` of them: those on kept
 * connections and at most one on a new one, so that a worker that is busy leaves the others to its siblings.
 * Every request taken must be given to fcgi_finish.
 */
size_t fcgi_gather(struct fcgi_server *, struct fcgi_request **requests, size_t most, int timeout_ms);

/* What signals have asked for so far, or fcgi_server_stop has. */
enum fcgi_stop fcgi_server_stopping(const struct fcgi_server *);
void fcgi_server_stop(struct fcgi_server *, enum fcgi_stop);

/* NULL-terminated "NAME=value" strings, borrowed until fcgi_finish. */
const char *const *fcgi_params(const struct fcgi_request *);

/* Up to size bytes of the body; 0 at its end or when it was cut off: compare with CONTENT_LENGTH. */
size_t fcgi_read(struct fcgi_request *, void *bytes, size_t size);

/* Queues bytes of the answer; a peer that does not take them is noticed by fcgi_finish. */
void fcgi_write(struct fcgi_request *, const void *bytes, size_t length);

/* Sends what is left and ends the request; the connection is kept when both sides can. False: the peer got no answer. */
bool fcgi_finish(struct fcgi_request *);

#endif
