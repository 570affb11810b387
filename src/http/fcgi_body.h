/* Takes a body out of its records as they arrive, for requests whose body is read in turns with other requests. */
#ifndef MAYFLY_HTTP_FCGI_BODY_H
#define MAYFLY_HTTP_FCGI_BODY_H

#include "base/attr.h"
#include "http/fcgi_record.h"

#include <stdbool.h>

enum fcgi_body_state {
    FCGI_BODY_MORE, /* the rest is still to come */
    FCGI_BODY_END,  /* that was all */
    FCGI_BODY_CUT,  /* it ended before its end: the peer is gone, gave up or speaks nonsense */
};

/* What is known in the middle of a record. */
struct fcgi_body {
    unsigned id;
    unsigned char header[FCGI_RECORD_HEADER_BYTES];
    size_t header_length;
    size_t content_left;
    size_t padding_left;
    enum fcgi_body_state state;
};

/* A body of the request with this id, nothing of it read yet. */
void fcgi_body_init(struct fcgi_body *, unsigned id);

/* Walks through bytes in any portions; take gets each slice of content, borrowed for the call. */
enum fcgi_body_state fcgi_body_feed(struct fcgi_body *, const unsigned char *bytes, size_t length,
                                    void (*take)(void *arg, const void *bytes, size_t length), void *arg) MUST_CHECK;

#endif
