/* A request as nginx passes it on. All strings are borrowed and die with the request. */
#ifndef MAYFLY_HTTP_REQUEST_H
#define MAYFLY_HTTP_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* Bits, so that a route can take several. HEAD is answered as GET without a body. */
enum method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_PATCH = 16,
    METHOD_DELETE = 32,
    METHOD_OPTIONS = 64,
};

/* "GET"; NULL when it is not exactly one method. */
const char *method_name(enum method);
/* The other way; 0 for what is none of them. */
enum method method_of(const char *name);

/* The source of the rest of a body. Returns up to size bytes, 0 at the end. */
struct body_source {
    size_t (*read)(void *source, void *bytes, size_t size);
    void *source;
};

enum { REQUEST_ID_MAX = 64 };

struct request {
    enum method method;
    const char *path;         /* decoded by nginx, begins with '/' */
    const char *query;        /* as sent, without '?' */
    const char *content_type; /* "" when not given; so are all that follow */
    int64_t content_length;   /* bytes; 0 without a body */
    const char *address;      /* of the client, as nginx knows it */
    const char *nginx;        /* numbers of the files of nginx that it came through (app/nginx_number.h) */
    const char *request_id;   /* made by nginx; the same when it tries again on another pool */
    const char *traceparent;  /* as the client sent it */
    const char *origin;       /* scheme://host that the client used */
    const char *cookie;
    const char *authorization;
    const char *accept;
    const char *user_agent;
    const char *origin_header;
    const char *fetch_site;
    const char *preflight;   /* of OPTIONS: by which method a script of another origin wants to ask */
    const char *sec_purpose; /* "prefetch" when the user has not asked for it yet */
    const char *purpose;     /* the same of older browsers */
    const char *if_match;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_unmodified_since;
    const char *idempotency_key;
    const char *csrf_token;
    const char *range;
    const char *if_range;
    const char *content_range;
    const char *content_disposition;
    const char *method_override;
    const char *tus_resumable;
    const char *upload_offset;
    const char *upload_length;
    const char *upload_defer_length;
    const char *upload_metadata;
    const char *upload_checksum;
    const char *upload_concat;
    const char *target; /* in requests to the gate: the target that a client asks a site for, as it was sent; else "" */
    const char *asked;  /* in requests to the gate: the client's method */
    const char *sent;   /* in requests to the gate with Basic: the client's "Sec-Fetch-Site,Origin,Upgrade" */
    const char *require; /* in requests to the gate: a rule that narrows the site's rules */
    const char *prefix;  /* the path at the site under which mayfly answers, such as "/mayfly" */
    const char *stream;  /* not "": the body comes in turns and can't be read whole */
    const char *queue;   /* "address": waits for a password's turn within its address's limits; "exempt": without */
    const char *storage; /* the storage from which nginx fetches files itself; "": none */
    const char *storage_failed; /* not "": nginx has tried to fetch the file from there for this request */
    struct body_source body;
};

/* Fills in a request from "NAME=value" strings; an unknown method is 0. ERR_INPUT says what is wrong. */
bool request_parse(struct request *, const char *const *params, struct err *) MUST_CHECK;

/*
 * Reads the whole body, at most `most` bytes. ERR_LARGE when it is longer, before a byte is read if its length says so;
 * ERR_INPUT when it ends before its length.
 */
bool request_body(struct request *, struct arena *, size_t most, struct buf *, struct err *) MUST_CHECK;

/* Whether the content type is this one, parameters aside. */
bool request_has_type(const struct request *, const char *type);

/* Whether the client is a browser that asks for a page (accept.h). */
bool request_wants_page(const struct request *);

/* Whether it asks for plain text (accept.h). */
bool request_wants_text(const struct request *);

/*
 * The value of the first cookie of this name after `after`, an earlier result or NULL, since browsers send those of
 * several paths and domains. NULL when there is none. *length is without the quotes that RFC 6265 allows.
 */
const char *request_cookie(const struct request *, const char *name, const char *after, size_t *length);

/* The possible bearer token of Authorization, with or without the word "Bearer"; NULL when there is none. */
const char *request_bearer(const struct request *, size_t *length);

#endif
