/* Takes a request's body out of its records, in whatever portions they come. */
#ifndef MAYFLY_FCGI_BODY_H
#define MAYFLY_FCGI_BODY_H

#include "base/attr.h"
#include "fcgi/record.h"

#include <stdbool.h>

enum fcgi_body_state {
    FCGI_BODY_MORE, /* the rest is still to come */
    FCGI_BODY_END,  /* that was all, with the padding of its last record: what follows belongs to the next request */
    FCGI_BODY_CUT,  /* it ended before its end: the peer is gone, gave up or speaks nonsense */
};

/* Slices of content, borrowed for the call. */
typedef void fcgi_body_taker(void *arg, const void *bytes, size_t length);

/* What is known in the middle of a record. All but the first three are zeroed to begin with. */
struct fcgi_body {
    unsigned id;           /* of the request */
    fcgi_body_taker *take; /* NULL: the content is thrown away */
    void *arg;
    size_t taken; /* bytes of content so far */
    size_t content_left, padding_left;
    bool last; /* the record at hand is the empty one */
    enum fcgi_body_state state;
};

/* A taker of fcgi/reader.h: takes all but what follows the body's end, or a part of a record's header. */
size_t fcgi_body_feed(void *body, const unsigned char *bytes, size_t length) MUST_CHECK;

#endif
