/*
 * The bytes of one connection: the only place that reads its socket. A taker is shown, in order, the bytes that have
 * arrived and were not taken yet, and says how many of them it takes; the rest stays here for the next taker. So no
 * byte is taken twice or lost, however the stream is cut (pgbouncer's sbuf.c is the model).
 */
#ifndef MAYFLY_FCGI_READER_H
#define MAYFLY_FCGI_READER_H

#include "base/attr.h"
#include "fcgi/head.h"

/* A window of a stream, lent by the server for one call. A whole head fits. Connections that wait have none. */
struct fcgi_window {
    unsigned char bytes[FCGI_HEAD_MAX_BYTES];
};

/* All zeroes: nothing has arrived. */
struct fcgi_reader {
    unsigned char *rest; /* owned; NULL: everything was taken */
    size_t length;       /* of the rest */
    bool full;           /* the socket may hold more, which epoll has said already */
    /*
     * Bytes after those that the taker takes or waits for stay in the socket, so that closing early breaks the
     * connection.
     */
    bool leaves;
};

enum fcgi_came {
    FCGI_CAME_BYTES,   /* the taker was called */
    FCGI_CAME_NOTHING, /* nothing new has arrived; the taker was not called */
    FCGI_CAME_END,     /* the peer has closed, or memory is out; the taker was not called */
};

/* Returns how many bytes it took, from the beginning. They are borrowed for the call. */
typedef size_t fcgi_taker(void *arg, const unsigned char *bytes, size_t length);

/* Shows the taker once what is left and what has arrived since; never waits. */
enum fcgi_came fcgi_reader_read(struct fcgi_reader *, int fd, struct fcgi_window *, fcgi_taker *, void *arg) MUST_CHECK;

/* Whether bytes may be there that no event will report. */
bool fcgi_reader_holds(const struct fcgi_reader *);

void fcgi_reader_free(struct fcgi_reader *);

#endif
