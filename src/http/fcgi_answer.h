/* Sends answers as records, straight to the socket: a whole one in one call, a long one piece by piece. */
#ifndef MAYFLY_HTTP_FCGI_ANSWER_H
#define MAYFLY_HTTP_FCGI_ANSWER_H

#include "base/attr.h"
#include "http/fcgi_record.h"

#include <stdbool.h>
#include <sys/uio.h>

enum { FCGI_END_BYTES = 2 * FCGI_RECORD_HEADER_BYTES + 8 /* an empty ANSWER record and END_REQUEST */ };

/* What is left to be sent of one piece. Zeroed: nothing. */
struct fcgi_piece {
    unsigned char header[FCGI_RECORD_HEADER_BYTES];
    unsigned char end[FCGI_END_BYTES];
    struct iovec parts[3];
    size_t first, count;
};

enum fcgi_sent { FCGI_SENT_ALL, FCGI_SENT_PART, FCGI_SENT_GONE };

/*
 * Sends a whole answer and its end; waits for the peer, at most the socket's SO_SNDTIMEO for each part. All of it leaves
 * in one call when the socket has room: nginx passes a head on when it has it, so of a worker that is killed between two
 * calls the client would get a cut-off answer instead of another worker's. False: the peer did not take it.
 */
bool fcgi_answer_whole(int fd, unsigned id, const void *bytes, size_t length) MUST_CHECK;

/* A piece of at most FCGI_RECORD_CONTENT_MAX bytes, borrowed until it is sent; `last` adds the answer's end. */
void fcgi_piece_init(struct fcgi_piece *, unsigned id, const void *bytes, size_t length, bool last);

/* Sends as much as the socket takes without waiting. */
enum fcgi_sent fcgi_piece_send(struct fcgi_piece *, int fd) MUST_CHECK;

#endif
