/*
 * A connection as a whole, with libfcgi behind it: whatever is sent, in whatever pieces, and whatever handlers read of it,
 * what is parsed is what was framed, and each answer is its request's own (t/fcgi-promise.h). Beside it somebody honest has a
 * connection to the same worker, whose requests come between the pieces: each is answered as if nobody else were there.
 */
#include "fuzz.h"

#include "../fcgi-promise.h"

enum {
    PIECES_MAX = 64,
    /* The honest one asks around one piece of so many: each request takes as long as a piece, and inputs are to be many. */
    BESIDE_EVERY = 8,
    /* Of one request: BEGIN_REQUEST and two records without content. A loop notes so many requests and no more. */
    REQUEST_LEAST_BYTES = 32,
    INPUT_MAX_BYTES = LOOP_SEEN_MAX * REQUEST_LEAST_BYTES,
};

static unsigned policies;

static enum loop_policy policy(size_t number)
{
    return (enum loop_policy)((policies >> number % 4 * 2) % LOOP_POLICIES);
}

static enum loop_policy policy_beside(size_t number)
{
    return (enum loop_policy)(number % LOOP_POLICIES);
}

static void check(const struct loop *loop, const uint8_t *stream, size_t fed)
{
    const char *broken = promise_broken(loop, stream, fed);

    if (broken == NULL)
        broken = promise_answers(loop, loop->ends);
    if (broken != NULL)
        fprintf(stderr, "after %zu bytes: %s\n", fed, broken);
    CHECK(broken == NULL);
}

/* The next request of the honest one, half of it before these bytes of the other and half behind. */
static void feed_between(struct loop *loop, const uint8_t *bytes, size_t length, struct loop *beside,
                         struct stream *honest)
{
    size_t number = beside->count, begun = honest->length, half;
    char uri[32];

    snprintf(uri, sizeof uri, "/beside/%zu", number);
    stream_head(honest, 1 + (unsigned)number % 3, true, number % 2 == 0, uri);
    stream_body(honest, 1 + (unsigned)number % 3, uri, strlen(uri), 5, number % 9);
    half = (honest->length - begun) * (number % 5) / 4;
    loop_feed(beside, honest->bytes + begun, half);
    loop_feed(loop, bytes, length);
    loop_feed(beside, honest->bytes + begun + half, honest->length - begun - half);
    CHECK(beside->peer >= 0 && beside->count == number + 1 && beside->ends == number + 1);
}

/* What was begun is over, or its connection is. */
static bool is_settled(const struct loop *loop, const struct loop *beside)
{
    const struct fcgi_request *connection;

    LIST_FOREACH(connection, &loop->server.all, in_all)
    if (connection != beside->connection && connection->state != FCGI_IDLE && connection->state != FCGI_WAITING)
        return false;
    return true;
}

/* The first byte says what handlers read, the second how long the pieces are; the rest is the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop loop, beside;
    static struct stream honest;
    const uint8_t *stream = data + 2;
    size_t step, fed = 0, pieces = 0;

    if (size < 2 || size > INPUT_MAX_BYTES)
        return 0;
    policies = data[0];
    size -= 2;
    /* From a byte to all of it, at most so many times that an input stays quick. */
    step = 1 + (data[1] % 16 == 0 ? size : size / PIECES_MAX + data[1]);
    honest.length = 0;
    loop_open(&loop, policy);
    loop_join(&beside, &loop, policy_beside);
    while (fed < size && loop.peer >= 0) {
        size_t length = size - fed < step ? size - fed : step;

        if (pieces++ % BESIDE_EVERY == 0)
            feed_between(&loop, stream + fed, length, &beside, &honest);
        else
            loop_feed(&loop, stream + fed, length);
        fed += length;
        check(&loop, stream, fed);
    }
    feed_between(&loop, stream, 0, &beside, &honest);
    check(&beside, honest.bytes, honest.length);
    /* Time ends what never comes. */
    for (int second = 0; second < 12; second++) {
        loop_now_us += 1000000;
        loop_run(&loop);
    }
    check(&loop, stream, size);
    CHECK(is_settled(&loop, &beside));
    feed_between(&loop, stream, 0, &beside, &honest);
    loop_close(&loop);
    return 0;
}
