/*
 * Exchanges with S3 over HTTP/1.1, on connections that are kept. Any number of coroutines may have an exchange at a
 * time; each waits for its own. For object/s3_call only.
 */
#ifndef MAYFLY_OBJECT_S3_HTTP_H
#define MAYFLY_OBJECT_S3_HTTP_H

#include "base/coroutine.h"
#include "object/s3_request.h"

struct s3_http;

enum s3_http_outcome {
    S3_HTTP_ANSWERED, /* an answer came, of any status */
    S3_HTTP_CUT,      /* cut on the way: the request may have been carried out, and may be repeated */
    /* by a wrong setting or a bug, because the taker refused the answer, or because the request may not wait */
    S3_HTTP_FAILED,
};

/* Takes the next bytes of a body, borrowed for the call. False with an error ends the exchange. */
typedef bool s3_http_take(void *arg, long status, const char *bytes, size_t length, struct err *);

/*
 * Loads libcurl and makes no connection. config, clock and the coroutines, which may be NULL, are borrowed. secure:
 * only https. connections: how many are kept. ERR_BUG: libcurl can't be loaded.
 */
bool s3_http_new(struct s3_http **, const struct config *, const struct clock *, struct coroutines *, bool secure,
                 int connections, struct err *) MUST_CHECK;
void s3_http_free(struct s3_http *);

/* Checks that libcurl can be loaded. ERR_BUG says what is missing. */
bool s3_http_check(struct err *) MUST_CHECK;

/*
 * Sends the request once and waits for the whole answer, at most timeout_ms. Without an answer an error is set:
 * ERR_DOWN when the exchange was cut or given up, otherwise ERR_BUG or the taker's error.
 */
enum s3_http_outcome s3_http_exchange(struct s3_http *, struct arena *, const struct s3_request *,
                                      const struct s3_signed *, int64_t timeout_ms, s3_http_take *, void *arg,
                                      struct s3_answer *, struct err *) MUST_CHECK;

/* Reads a Date header, in ms since 1970. False: it is not a date. */
bool s3_http_date(const struct s3_http *, const char *text, int64_t *ms) MUST_CHECK;

#endif
