/* An answer while it is made: a status, headers, a body. Sent to the client in one piece. */
#ifndef MAYFLY_HTTP_RESPONSE_H
#define MAYFLY_HTTP_RESPONSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    /*
     * All that an upload was created with (app/limits.c); with what every answer has it fits nginx's
     * fastcgi_buffer_size.
     */
    RESPONSE_HEADERS_MAX = 14 * 1024,
    /* A page with all that may be on it, or 256 files that a form brought (app/limits.c). */
    RESPONSE_BODY_MAX = 512 * 1024,
    /* Both, and the headers that every answer has. */
    RESPONSE_ANSWER_MAX = RESPONSE_HEADERS_MAX + RESPONSE_BODY_MAX + 1024,
};

struct response {
    int status;
    const char *type;          /* media type of the body */
    const char *cache_control; /* "": none */
    const char *vary; /* names of the request's headers that the answer depends on (RFC 9110, section 12.5.5) */
    struct buf headers;
    struct buf body;
};

/* An empty 200 of type application/json with Cache-Control: no-store and Vary: Accept. */
void response_init(struct response *, struct arena *);

/* Adds a header; ERR_BUG for a value with a line break, so that no header can be injected. */
bool response_header(struct response *, const char *name, const char *value, struct err *) MUST_CHECK;

/* The value of a header that was added, in the arena; NULL when it was not. */
const char *response_header_find(const struct response *, struct arena *, const char *name);

/* Sets status and a JSON body. */
bool response_json(struct response *, int status, const char *json, struct err *) MUST_CHECK;

/* Redirects the client to a path of ours by GET (303, RFC 9110 section 15.4.4). */
bool response_see_other(struct response *, const char *location, struct err *) MUST_CHECK;

/*
 * Converts status, type, headers and body to one text and back, for outcomes that are kept. The texts live in the arena
 * of the response.
 */
bool response_pack(const struct response *, struct arena *, struct buf *packed, struct err *) MUST_CHECK;
bool response_unpack(struct response *, char *packed, size_t length, struct err *) MUST_CHECK;

#endif
