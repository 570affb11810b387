/*
 * Exchanges with S3 over HTTP/1.1, on connections that are kept; for object/s3_call only. Any number of coroutines may have
 * one in hand at a time: each waits for its own.
 */
#ifndef MAYFLY_OBJECT_S3_HTTP_H
#define MAYFLY_OBJECT_S3_HTTP_H

#include "base/coroutine.h"
#include "object/s3_request.h"

struct s3_http;

enum s3_http_outcome {
    S3_HTTP_ANSWERED, /* whatever the answer says */
    S3_HTTP_CUT,      /* on the way: it may have been carried out, and may be tried again */
    S3_HTTP_FAILED,   /* by a wrong setting or a flaw, because what came was not taken, or nobody may wait for it */
};

/* Takes the next bytes of a body, borrowed for the call. False with an error ends the exchange. */
typedef bool s3_http_take(void *arg, long status, const char *bytes, size_t length, struct err *);

/*
 * Loads libcurl and connects to nothing; config, clock and the coroutines, which may be NULL, are borrowed. secure: by https
 * only. connections: how many are kept. ERR_BUG when libcurl can't be loaded.
 */
bool s3_http_new(struct s3_http **, const struct config *, const struct clock *, struct coroutines *, bool secure,
                 int connections, struct err *) MUST_CHECK;
void s3_http_free(struct s3_http *);

/* Whether libcurl can be loaded, for those who would like to know before S3 is asked. ERR_BUG says what is missing. */
bool s3_http_check(struct err *) MUST_CHECK;

/*
 * Asks once and waits for the whole answer, timeout_ms at most. An error is set unless it was answered: ERR_DOWN when it was
 * cut or given up, else ERR_BUG, or the taker's.
 */
enum s3_http_outcome s3_http_exchange(struct s3_http *, struct arena *, const struct s3_request *,
                                      const struct s3_signed *, int64_t timeout_ms, s3_http_take *, void *arg,
                                      struct s3_answer *, struct err *) MUST_CHECK;

/* The moment that a Date header tells, in ms since 1970; false when it tells none. */
bool s3_http_date(const struct s3_http *, const char *text, int64_t *ms) MUST_CHECK;

#endif
