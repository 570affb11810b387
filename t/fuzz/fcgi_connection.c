/*
 * A connection as a whole, with libfcgi behind it: whatever is sent, in whatever pieces, and whatever handlers read of it,
 * what is parsed is what was framed, and each answer is its request's own (t/fcgi-promise.h).
 */
#include "fuzz.h"

#include "../fcgi-promise.h"

static unsigned policies;

static enum loop_policy policy(size_t number)
{
    return (enum loop_policy)((policies >> number % 4 * 2) % LOOP_POLICIES);
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

/* The first byte says what handlers read, the second how long the pieces are; the rest is the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop loop;
    const uint8_t *stream = data + 2;
    size_t step, fed = 0;

    if (size < 2)
        return 0;
    policies = data[0];
    size -= 2;
    /* From a byte to all of it, at most so many times that an input stays quick. */
    step = 1 + (data[1] % 16 == 0 ? size : size / 64 + data[1]);
    loop_open(&loop, policy);
    while (fed < size && loop.peer >= 0) {
        size_t length = size - fed < step ? size - fed : step;

        loop_feed(&loop, stream + fed, length);
        fed += length;
        check(&loop, stream, fed);
    }
    /* Time ends what never comes. */
    for (int second = 0; second < 12; second++) {
        loop_now_us += 1000000;
        loop_run(&loop);
    }
    check(&loop, stream, size);
    CHECK(LIST_EMPTY(&loop.server.all) || LIST_FIRST(&loop.server.all)->state == FCGI_IDLE ||
          LIST_FIRST(&loop.server.all)->state == FCGI_WAITING);
    loop_close(&loop);
    return 0;
}
