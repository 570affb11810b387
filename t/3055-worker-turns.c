/*
 * How the worker takes turns, as far as no database is needed: who goes on before whom, and the reason that the log has for the end of a
 * connection (event fastcgi_closed). t/5813 has the other reasons, t/2070 those of the connection itself.
 */
#include "unit.h"

#include "worker/turn.h"
#include "worker/turns.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "fcgi-loop.h"
#include "fcgi-stream.h"
#include "offline-services.h"

static struct turns turns;
static struct loop loop, beside;
static struct stream stream;

/* Whoever asks for so much memory gets none. */
static size_t fails_from = SIZE_MAX;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
    return size >= fails_from ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return count * size >= fails_from ? NULL : __real_calloc(count, size);
}

static void take(void)
{
    bool any;

    (void)turns_take(&turns, 0, &any);
}

static void send_request(struct loop *to, const char *uri, bool queued)
{
    /* FCGI_PARAMS: two lengths of a byte each, then both texts. MAYFLY_QUEUE is the last. */
    const char *const pairs[][2] = {{"REQUEST_METHOD", "POST"},
                                    {"DOCUMENT_URI", uri},
                                    {"CONTENT_LENGTH", "0"},
                                    {"REMOTE_ADDR", "192.0.2.1"},
                                    {"MAYFLY_REQUEST_ID", "0123456789abcdef0123456789abcdef"},
                                    {"MAYFLY_ORIGIN", "http://localhost"},
                                    {"MAYFLY_QUEUE", "address"}};
    char text[512];
    size_t length = 0;

    for (size_t i = 0; i < COUNT(pairs) - !queued; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%c%c%s%s", (char)strlen(pairs[i][0]),
                                   (char)strlen(pairs[i][1]), pairs[i][0], pairs[i][1]);
    stream.length = 0;
    stream_begin(&stream, 1, true);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, text, length, 0);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, NULL, 0, 0);
    stream_body(&stream, 1, "", 0, 1, 0);
    assert_int_equal(send(to->peer, stream.bytes, stream.length, 0), (ssize_t)stream.length);
}

static void goes(struct loop *one)
{
    close(one->peer);
    one->peer = -1;
}

static void none_for_a_head(void)
{
    send_request(&loop, "/health/live", false);
    fails_from = 1;
    take();
}

static void none_for_a_request(void)
{
    send_request(&loop, "/health/live", false);
    fails_from = sizeof(struct turn);
    take();
}

static void none_for_an_answer(void)
{
    send_request(&loop, "/nothing", false);
    fails_from = sizeof(struct turn) + 1; /* a block of an arena is larger */
    take();
}

static void goes_before_its_answer(void)
{
    send_request(&loop, "/nothing", false);
    goes(&loop);
    take();
}

/* Of two that verify a password one is served in a round. */
static void goes_out_of_the_queue(void)
{
    loop_join(&beside, &loop, NULL);
    send_request(&loop, "/login", true);
    send_request(&beside, "/login", true);
    take();
    assert_int_equal(turns.admission.count, 1);
    goes(&loop);
    goes(&beside);
    take();
    assert_int_equal(turns.admission.count, 0);
    take();
}

static const struct {
    const char *reason;
    const char *level;
    size_t times;
    void (*happens)(void);
} ways[] = {
    {"there is no memory for a head", "warn", 1, none_for_a_head},
    {"there is no memory for a request", "debug", 1, none_for_a_request},
    {"there is no answer", "debug", 1, none_for_an_answer},
    {"the peer takes no answer", "debug", 1, goes_before_its_answer},
    /* The one that was served is idle then, and goes as well. */
    {"the peer has gone", "debug", 2, goes_out_of_the_queue},
};

/* What standard error gets while it happens. */
static size_t logged(void (*happens)(void), char *text, size_t size)
{
    int file = memfd_create("log", MFD_CLOEXEC), standard_error = dup(STDERR_FILENO);
    ssize_t length;

    assert_true(file >= 0 && standard_error >= 0);
    loop.log.level = LOG_DEBUG;
    dup2(file, STDERR_FILENO);
    happens();
    fails_from = SIZE_MAX;
    dup2(standard_error, STDERR_FILENO);
    loop.log.level = LOG_ERROR;
    length = pread(file, text, size - 1, 0);
    close(file);
    close(standard_error);
    return length > 0 ? (size_t)length : 0;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

static void each_end_has_its_reason(void **state)
{
    struct err err = {.kind = ERR_NONE};

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        char text[16384], wanted[256];

        memset(&turns, 0, sizeof turns);
        loop_open(&loop, NULL);
        assert_true(turns_init(&turns, &services, &loop.server, &err));
        text[logged(ways[i].happens, text, sizeof text)] = '\0';
        snprintf(wanted, sizeof wanted,
                 "\"level\":\"%s\",\"event\":\"fastcgi_closed\",\"worker\":\"test\",\"reason\":\"%s\"}\n",
                 ways[i].level, ways[i].reason);
        if (count_of(text, wanted) != ways[i].times || count_of(text, "fastcgi_closed") != ways[i].times)
            fail_msg("%zu: wanted %zu of %s, got %s", i, ways[i].times, wanted, text);
        if (!LIST_EMPTY(&loop.server.all) || !LIST_EMPTY(&turns.in_hand))
            fail_msg("%s: the connection is still open, or its request in hand", ways[i].reason);
        turns_free(&turns);
        loop_close(&loop);
        loop.other = NULL;
    }
}

/* --- Fairness */

enum { STREAMS = 20, STEP_US = 2000 };

static size_t steps, steps_before;
static int ready;

static bool step(struct exchange *x, bool *done, struct err *err)
{
    (void)x;
    (void)err;
    loop_now_us += STEP_US;
    steps++;
    *done = false;
    return true;
}

static void wait_for_ready(void *arg)
{
    (void)arg;
    assert_true(coroutine_wait(services.coroutines, services.clock, ready, POLLIN, COROUTINE_NEVER));
    steps_before = steps;
}

static size_t no_body(void *source, void *bytes, size_t size)
{
    (void)source;
    (void)bytes;
    (void)size;
    return 0;
}

/* A request on a connection of its own, whose job has a step in each round. */
static void begin_stream(struct loop *one)
{
    static const struct job job = {.step = step};
    const struct body_source body = {.read = no_body};
    struct err err = {.kind = ERR_NONE};
    struct fcgi_request *request;
    struct turn *turn;

    send_request(one, "/nothing", false);
    assert_int_equal(fcgi_gather(&loop.server, &request, 1, 0), 1);
    turn = turn_take(&turns, request);
    assert_non_null(turn);
    exchange_open(&turn->exchange, &services, fcgi_params(request), &body, &err);
    assert_int_equal(err.kind, ERR_NONE);
    turn->exchange.job = &job;
    turn_wait_ms(&turns, turn, 0);
}

/* Of 40 ms of others' work that is ready, those before it take 5 ms and what they had begun. */
static void what_waited_goes_on_between_streams(void **state)
{
    static const struct clock clock = {.now_ms = loop_now_ms, .monotonic_us = loop_monotonic_us};
    static struct loop streams[STREAMS];
    const struct clock *system_clock = services.clock;
    const uint64_t one = 1;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    memset(&turns, 0, sizeof turns);
    steps = steps_before = 0;
    loop_open(&loop, NULL);
    services.clock = &clock;
    assert_true(turns_init(&turns, &services, &loop.server, &err));
    for (size_t i = 0; i < STREAMS; i++) {
        loop_join(&streams[i], &loop, NULL);
        begin_stream(&streams[i]);
    }
    ready = eventfd(0, EFD_CLOEXEC);
    assert_true(ready >= 0 && turns_do_beside(&turns, wait_for_ready, NULL));
    assert_int_equal(write(ready, &one, sizeof one), sizeof one);
    loop_now_us += 1000;
    take();
    assert_int_equal(steps, STREAMS);
    if (steps_before == 0 || steps_before > 3)
        fail_msg("it waited for %zu steps of %d ms", steps_before, STEP_US / 1000);
    turns_free(&turns);
    services.clock = system_clock;
    close(ready);
    loop.other = NULL;
    loop_close(&loop);
    for (size_t i = 0; i < STREAMS; i++)
        loop_forget(&streams[i]);
}

int main(void)
{
    /* The first of them, since turns_free ends all waiting of the set. */
    const struct CMUnitTest promises[] = {cmocka_unit_test(what_waited_goes_on_between_streams),
                                          cmocka_unit_test(each_end_has_its_reason)};

    return cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(promises, set_up, tear_down);
}
