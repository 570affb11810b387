/* Takes a request's body out of its records, however they are cut into portions. */
#ifndef MAYFLY_FCGI_BODY_H
#define MAYFLY_FCGI_BODY_H

#include "base/attr.h"
#include "fcgi/record.h"

#include <stdbool.h>

enum fcgi_body_state {
    FCGI_BODY_MORE, /* the rest is still to come */
    /* the body is complete, with the padding of its last record: what follows belongs to the next request */
    FCGI_BODY_END,
    FCGI_BODY_CUT, /* it is cut off: the peer has closed or aborted, or its records are invalid */
};

/* Slices of content, borrowed for the call. */
typedef void fcgi_body_taker(void *arg, const void *bytes, size_t length);

/* The state in the middle of a record. All members but the first three begin as zero. */
struct fcgi_body {
    unsigned id;           /* of the request */
    fcgi_body_taker *take; /* NULL: the content is thrown away */
    void *arg;
    size_t taken; /* bytes of content so far */
    size_t content_left, padding_left;
    bool last; /* the current record is the empty one */
    enum fcgi_body_state state;
};

/* A taker of fcgi/reader.h: takes everything up to the body's end, except for a part of a record's header. */
size_t fcgi_body_feed(void *body, const unsigned char *bytes, size_t length) MUST_CHECK;

#endif
