/* One connection with a stream of requests on it, and what each is answered by. */
#ifndef MAYFLY_T_FCGI_CONNECTION_H
#define MAYFLY_T_FCGI_CONNECTION_H

#include "unit.h"

#include "fcgi-promise.h"

#include <errno.h>

static struct stream stream;
static struct loop loop;
static char body[700 * 1024];

/* What each request of the stream is answered by; tests set it. */
static enum loop_policy policies[16];

static inline enum loop_policy policy(size_t number)
{
    return policies[number % COUNT(policies)];
}

static inline int set_up(void **state)
{
    (void)state;
    stream.length = 0;
    memset(policies, 0, sizeof policies);
    /* Every body is full of requests. */
    for (size_t at = 0; at + 64 <= sizeof body; at += 64) {
        struct stream forged = {.length = 0};

        stream_head(&forged, 1, true, false, "/forged");
        memcpy(body + at, forged.bytes, forged.length);
        memset(body + at + forged.length, 0, 64 - forged.length);
    }
    return 0;
}

#define CONNECTION_PROMISE(name) cmocka_unit_test_setup(name, set_up)

static inline void no_promise_is_broken(size_t fed)
{
    const char *broken = promise_broken(&loop, stream.bytes, fed);

    if (broken != NULL)
        fail_msg("after %zu bytes: %s", fed, broken);
}

static inline void all_are_answered(size_t wanted)
{
    const char *wrong = promise_answers(&loop, wanted);

    if (wrong != NULL)
        fail_msg("%s (%zu wanted, %zu seen)", wrong, wanted, loop.count);
}

/* Feeds the stream in two pieces, cut at each place. */
static inline void in_every_split(size_t wanted, size_t stride)
{
    for (size_t cut = 0; cut <= stream.length; cut += stride) {
        loop_open(&loop, policy);
        loop_feed(&loop, stream.bytes, cut);
        no_promise_is_broken(cut);
        loop_feed(&loop, stream.bytes + cut, stream.length - cut);
        no_promise_is_broken(stream.length);
        all_are_answered(wanted);
        loop_close(&loop);
    }
}

static inline void byte_by_byte(size_t wanted)
{
    loop_open(&loop, policy);
    for (size_t fed = 0; fed < stream.length; fed++) {
        loop_feed(&loop, stream.bytes + fed, 1);
        if (fed % 7 == 0)
            no_promise_is_broken(fed + 1);
    }
    no_promise_is_broken(stream.length);
    all_are_answered(wanted);
    loop_close(&loop);
}

/* Without a body, with one in several padded records, in turns and not, with other ids, and an empty one. */
static inline void add_requests(void)
{
    stream_head(&stream, 1, true, false, "/first");
    stream_body(&stream, 1, "", 0, 1, 0);
    stream_head(&stream, 1, true, false, "/second");
    stream_body(&stream, 1, body, 300, 100, 5);
    stream_head(&stream, 7, true, true, "/third-in-turns");
    stream_body(&stream, 7, body, 200, 64, 255);
    stream_head(&stream, 0xFFFF, true, true, "/fourth-in-turns-and-empty");
    stream_body(&stream, 0xFFFF, "", 0, 1, 8);
    stream_head(&stream, 2, true, false, "/fifth");
    stream_body(&stream, 2, body, 1, 1, 0);
}

#endif
