/* The state of a process's client of S3; only for s3_client.c, which makes it from the settings, and s3_call.c. */
#ifndef MAYFLY_OBJECT_S3_CLIENT_H
#define MAYFLY_OBJECT_S3_CLIENT_H

#include "base/semaphore.h"
#include "object/access_key.h"
#include "object/s3.h"
#include "object/s3_http.h"
#include "object/s3_request.h"

enum {
    /*
     * Requests of one worker at a time, each on a connection of its own. A worker with one processor can't fill more.
     */
    EXCHANGES_MAX = 16,
    LACKING_MAX = 4, /* operations that may be lacking (may_lack of s3_request) */
};

struct s3 {
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    struct coroutines *coroutines; /* NULL: the caller blocks */
    struct semaphore exchanges;
    struct s3_endpoint inside, outside;
    struct access_key *key; /* NULL until the first call, like the next member */
    struct s3_http *http;
    int64_t skew_ms;       /* by which the server's clock is ahead, known after it has refused a request for its time */
    int64_t down_until_us; /* set after it could not be reached */
    int64_t answered_at_us;
    const char *lacking[LACKING_MAX]; /* operations that the storage does not have, and that were logged */
};

#endif
