/* The end of a body that meets another's lock, where it may not wait, is run again: once for each time, whole or not at all. */
#include "unit.h"

#include "app/serve.h"

#include "offline-services.h"

static struct exchange x;
static int64_t now_us;
static int meets; /* so many times another's lock */
static int ends, ends_cut, drops;

static int64_t monotonic_us(void)
{
    return now_us;
}

static int64_t now_ms(void)
{
    return now_us / 1000;
}

static bool take(struct exchange *exchange, const void *bytes, size_t length, struct err *err)
{
    (void)exchange;
    (void)bytes;
    (void)length;
    (void)err;
    return true;
}

static bool end(struct exchange *exchange, bool whole, struct err *err)
{
    ends += whole;
    ends_cut += !whole;
    if (ends <= meets) {
        err_set(err, ERR_DOWN, "another has the lock");
        err->busy = true;
        return false;
    }
    exchange->response.status = 204;
    return true;
}

static void drop(struct exchange *exchange)
{
    (void)exchange;
    drops++;
}

static const struct body_sink sink = {.take = take, .end = end, .drop = drop};

static size_t no_body(void *source, void *bytes, size_t size)
{
    (void)source;
    (void)bytes;
    (void)size;
    return 0;
}

static void begin(int times)
{
    static const struct clock clock = {.now_ms = now_ms, .monotonic_us = monotonic_us};
    static const char *const params[] = {"REQUEST_METHOD=PATCH",
                                         "DOCUMENT_URI=/uploads/x",
                                         "REMOTE_ADDR=192.0.2.1",
                                         "MAYFLY_ORIGIN=http://localhost",
                                         "MAYFLY_REQUEST_ID=0123456789abcdef0123456789abcdef",
                                         NULL};
    const struct body_source body = {.read = no_body};
    struct err err = {.kind = ERR_NONE};

    services.clock = &clock;
    meets = times;
    ends = ends_cut = drops = 0;
    arena_init(&x.arena, 4 * 1024 * 1024);
    exchange_open(&x, &services, params, &body, &err);
    assert_int_equal(err.kind, ERR_NONE);
    x.sink = &sink;
}

static void close_exchange(void)
{
    assert_int_equal(services.requests_aside, 0);
    arena_free(&x.arena);
}

/* Its pauses are over at once; returns the answer's first line. */
static const char *step_to_its_end(enum serving serving, struct buf *answer)
{
    for (int i = 0; serving == SERVING_JOB && i < 1000; i++) {
        now_us += x.pause_ms * 1000;
        serving = serve_step(&x, answer);
    }
    assert_int_equal(serving, SERVING_ANSWER);
    assert_true(buf_add(answer, "", 1));
    return (const char *)answer->bytes;
}

static void it_is_done_when_the_lock_is_gone(void **state)
{
    struct buf answer;
    enum serving serving;

    (void)state;
    begin(3);
    serving = serve_end(&x, true, &answer);
    assert_int_equal(serving, SERVING_JOB);
    assert_int_equal(services.requests_aside, 1);
    assert_contains(step_to_its_end(serving, &answer), "Status: 204");
    assert_int_equal(ends, 4);
    assert_int_equal(ends_cut + drops, 0);
    close_exchange();
}

static void patience_ends(void **state)
{
    struct buf answer;

    (void)state;
    begin(1000000);
    assert_contains(step_to_its_end(serve_end(&x, true, &answer), &answer), "Status: 503");
    assert_int_equal(drops, 1);
    close_exchange();
}

/* Nobody is there to be told, and what has come is kept as far as it may be. */
static void one_that_was_cut_off_is_not_run_again(void **state)
{
    struct buf answer;

    (void)state;
    begin(1000000);
    assert_int_equal(serve_end(&x, false, &answer), SERVING_ANSWER);
    assert_int_equal(ends_cut, 1);
    assert_int_equal(drops, 1);
    close_exchange();
}

static void who_goes_meanwhile_is_cut_off(void **state)
{
    struct buf answer;

    (void)state;
    begin(1);
    assert_int_equal(serve_end(&x, true, &answer), SERVING_JOB);
    serve_quit(&x);
    assert_int_equal(ends_cut, 1);
    close_exchange();
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(it_is_done_when_the_lock_is_gone),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(one_that_was_cut_off_is_not_run_again),
        cmocka_unit_test(who_goes_meanwhile_is_cut_off),
    };

    return cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(promises, set_up, tear_down);
}
