/* An account whose requests want the worker's time without an end gets its share of it, and others are not behind all of them. */
#include "unit.h"

#include "worker/turn.h"
#include "worker/turns.h"

#include "fcgi-loop.h"
#include "offline-services.h"

/* More than one gathering gives, of one account; and one of each other. */
enum { MANY = 3 * TURNS_BATCH_MAX, OTHERS = 3, ROUNDS = 200 };

static struct turns turns;
static struct loop loop;
static int64_t step_us;
static size_t steps[MANY + OTHERS]; /* of each turn; the many come first */

static bool step(struct exchange *x, bool *done, struct err *err)
{
    (void)done;
    (void)err;
    ++*(size_t *)x->stream;
    loop_now_us += step_us;
    return true;
}

static const struct job job = {.step = step};

static void add_turn(size_t number, bool pauses)
{
    int ends[2];
    struct fcgi_request *request;
    struct turn *turn;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    request = fcgi_connection_new(&loop.server, ends[0]);
    turn = turn_take(&turns, request);
    assert_true(request != NULL && turn != NULL);
    turn->exchange =
        (struct exchange){.services = &services, .arena = turn->exchange.arena, .job = &job, .stream = &steps[number]};
    memset(turn->share, number < MANY ? 1 : (int)number, sizeof turn->share);
    turn->shared = shares_take(&turns.shares, turn->share, 1);
    fcgi_connection_enter(request, FCGI_IN_HAND);
    if (pauses)
        turn_wait_ms(&turns, turn, 1);
    else
        turn_wait(&turns, turn, FCGI_WAIT_ROOM);
}

static void open_turns(int64_t us, bool pauses)
{
    struct err err = {.kind = ERR_NONE};

    memset(&turns, 0, sizeof turns);
    memset(steps, 0, sizeof steps);
    step_us = us;
    loop_open(&loop, NULL);
    services.clock = loop.server.clock;
    services.log = loop.log;
    assert_true(turns_init(&turns, &services, &loop.server, &err));
    for (size_t i = 0; i < MANY; i++)
        add_turn(i, pauses);
    for (size_t i = 0; i < OTHERS; i++)
        add_turn(MANY + i, false);
}

static void close_turns(void)
{
    turns_free(&turns);
    loop_close(&loop);
}

static void take_rounds(void)
{
    bool any;

    for (int i = 0; i < ROUNDS; i++)
        (void)turns_take(&turns, 0, &any);
}

static size_t fewest(const size_t *of, size_t count)
{
    size_t least = of[0];

    for (size_t i = 1; i < count; i++)
        least = of[i] < least ? of[i] : least;
    return least;
}

static size_t of_the_many(void)
{
    size_t sum = 0;

    for (size_t i = 0; i < MANY; i++)
        sum += steps[i];
    return sum;
}

static void long_steps_are_shared(void **state)
{
    size_t other;

    (void)state;
    open_turns(3000, false);
    take_rounds();
    other = fewest(steps + MANY, OTHERS);
    /* A request of others is in every few gatherings, of each of which the many have one step. All of them had one between before. */
    if (of_the_many() > 8 * (other + 1))
        fail_msg("%zu steps of the account with many requests, %zu of one with one", of_the_many(), other);
    assert_true(of_the_many() >= ROUNDS / 2);
    close_turns();
}

/* What costs little is not put back: there may be a thousand slow clients of one account. */
static void short_steps_are_not_counted(void **state)
{
    (void)state;
    open_turns(10, false);
    take_rounds();
    assert_true(of_the_many() > (size_t)ROUNDS * (TURNS_BATCH_MAX - OTHERS - 1));
    close_turns();
}

/* One that was put back although its time had come is not forgotten, and waits for no further time. */
static void those_that_slept_go_on(void **state)
{
    bool any;

    (void)state;
    open_turns(3000, true);
    loop_now_us += 1000000;
    for (int i = 0; i < 4 * MANY; i++)
        (void)turns_take(&turns, 0, &any);
    assert_true(fewest(steps, MANY) > 0);
    close_turns();
}

int main(void)
{
    const struct CMUnitTest promises[] = {cmocka_unit_test(long_steps_are_shared),
                                          cmocka_unit_test(short_steps_are_not_counted),
                                          cmocka_unit_test(those_that_slept_go_on)};

    return cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(promises, set_up, tear_down);
}
