/*
 * mayfly-prove, its HTTP client: many requests under way at once, each in a slot of its own, in one thread. It repeats
 * a request only where HTTP requires it: on a kept connection that was closed before the first byte.
 */
#ifndef MAYFLY_PROVE_HTTP_H
#define MAYFLY_PROVE_HTTP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PROVE_WORKER_BYTES = 56,      /* POOL/PID: a pool's name has at most 32 characters */
    PROVE_ETAG_BYTES = 24,        /* a quoted number of 64 bits */
    PROVE_REQUEST_ID_BYTES = 40,  /* nginx's has 32 digits */
    PROVE_BODY_BYTES = 32 * 1024, /* the longest answer that is read; all of ours are shorter */
    PROVE_TROUBLE_BYTES = 256,    /* libcurl's CURL_ERROR_SIZE */
    PROVE_REQUEST_TIMEOUT_S = 90, /* longer than nginx waits for its workers, so that nginx gives up first */
    PROVE_CONNECT_TIMEOUT_S = 10,
    PROVE_REDIRECTS_MAX = 10,
    PROVE_HEAD_BYTES = 16 * 1024,
    PROVE_ANSWER_BYTES = 1024 * 1024, /* the longest that an application may give to a scenario */
};

/* Of HTTP. Without one, the latest that the site takes. */
enum prove_version { PROVE_HTTP_ANY, PROVE_HTTP_1_0, PROVE_HTTP_1_1 };

/* Texts are borrowed until the answer is there; NULL: not sent. */
struct prove_request {
    const char *method;
    const char *path; /* with its query */
    const char *token;
    const char *key; /* Idempotency-Key */
    const char *if_match;
    const char *type;
    const void *body;
    size_t length;
    bool fresh; /* on a connection of its own, so that another worker may answer */

    const char *url;            /* instead of path: an absolute one */
    const char *const *headers; /* "Name: value"; these are sent and none of the above. NULL: those above */
    size_t header_count;
    const char *jar; /* cookies, as prove_answer gives them; NULL: none are sent or kept */
    const char
        *peer;   /* "::HOST:PORT" to connect to, wherever the address is (CURLOPT_CONNECT_TO); NULL: to the address */
    bool follow; /* redirects, PROVE_REDIRECTS_MAX of them */
    int64_t timeout_s; /* 0: PROVE_REQUEST_TIMEOUT_S */

    const char *target; /* sent as it is, where libcurl would tidy the path of the address; NULL: that path */
    enum prove_version version;
};

/* Borrowed from the client until the slot's next request. */
struct prove_answer {
    long status; /* 0: no answer; trouble says why */
    bool retry_after, replayed;
    char etag[PROVE_ETAG_BYTES];
    char worker[PROVE_WORKER_BYTES];      /* "": not named */
    char request[PROVE_REQUEST_ID_BYTES]; /* X-Request-Id; "": not named */
    const char *body;                     /* NUL-terminated */
    size_t length;
    const char *trouble;
    bool is_nonsense; /* status is 0 although an answer came: too long, no HTTP, or redirected in a circle */
    bool unsent;      /* there was no connection, so the request was not sent */
    const char *head; /* lines of the last answer's header; what is beyond PROVE_HEAD_BYTES is left out */
    const char *url;  /* the last one, after redirects */
    char *jar; /* malloc, for the caller to free: its cookies, in lines of Netscape's format; NULL: none are kept */
    int64_t took_ms;
};

struct prove_http;

struct prove_site {
    const char *url;           /* without a slash at its end */
    const char *worker_header; /* its value names who answered */
    size_t answer_bytes_max;   /* of a body; a longer one counts as none */
};

/* A client for the site; its strings are borrowed. ERR_INPUT when it has no URL. Free it with prove_http_free. */
bool prove_http_new(struct prove_http **httpp, const struct prove_site *, size_t slots, struct err *) MUST_CHECK;
void prove_http_free(struct prove_http *);

/* Sends the request in a slot that has nothing under way. */
bool prove_http_send(struct prove_http *, size_t slot, const struct prove_request *, struct err *) MUST_CHECK;

/* Returns when something arrives, also on one of the descriptors (-1 is skipped), or after timeout_ms. */
bool prove_http_wait(struct prove_http *, const int *descriptors, size_t count, int timeout_ms,
                     struct err *) MUST_CHECK;

/* Takes the next answer that is complete or has failed; false when there is none at the moment. */
bool prove_http_next(struct prove_http *, size_t *slot, struct prove_answer *answer) MUST_CHECK;

#endif
