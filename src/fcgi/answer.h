/* Sends answers as records to the socket, as far as it has room: a short answer whole, a long one piece by piece. */
#ifndef MAYFLY_FCGI_ANSWER_H
#define MAYFLY_FCGI_ANSWER_H

#include "base/attr.h"
#include "fcgi/record.h"

#include <stdbool.h>

enum {
    /* The longest piece; the longest answer that a worker sends whole fits. */
    FCGI_PIECE_RECORDS_MAX = 16,
    FCGI_PIECE_MAX_BYTES = FCGI_PIECE_RECORDS_MAX * FCGI_RECORD_CONTENT_MAX,
};

/* All zeroes: nothing to send. */
struct fcgi_piece {
    unsigned id;       /* of the request */
    const char *bytes; /* borrowed until they are sent */
    size_t length;     /* at most FCGI_PIECE_MAX_BYTES */
    bool last;         /* the answer's end follows */
    size_t sent;       /* of the records that it is sent as */
};

enum fcgi_sent { FCGI_SENT_ALL, FCGI_SENT_PART, FCGI_SENT_GONE };

/*
 * Sends as much as the socket takes without waiting. A whole piece leaves in one call when there is room: nginx passes
 * a head on as soon as it has it, so if a worker were killed between two calls, the client would get a cut-off answer
 * instead of another worker's.
 */
enum fcgi_sent fcgi_piece_send(struct fcgi_piece *, int fd) MUST_CHECK;

#endif
