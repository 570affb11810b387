/* A request that met another's lock: who of them waits, for how long, and what becomes of it when its client goes. */
#include "t/unit.h"

#include "app/again.h"
#include "app/serve.h"
#include "db/db.h"

enum { WAIT_MS = 3, TRIES = 2000 };

/* What an upload's sink was told, in order. */
struct told {
    char what[64];
    bool is_free; /* nobody holds the lock any more */
};

static void tell(struct exchange *x, const char *what)
{
    struct told *told = x->stream;

    strncat(told->what, what, sizeof told->what - strlen(told->what) - 1);
}

static bool fail_busy(struct err *err)
{
    err_set(err, ERR_DOWN, "somebody else has the row");
    err->busy = true;
    return false;
}

static void quit(struct exchange *x)
{
    tell(x, " quit");
}

static const struct job typing = {.quit = quit};

static bool end(struct exchange *x, bool whole, struct err *err)
{
    const struct told *told = x->stream;

    tell(x, whole ? " whole" : " cut");
    x->job = told->is_free ? &typing : x->job;
    return told->is_free || fail_busy(err);
}

static void drop(struct exchange *x)
{
    tell(x, " drop");
}

static const struct body_sink sink = {.end = end, .drop = drop};

struct fixture {
    struct services services;
    struct exchange x;
    struct told told;
};

static void set_up(struct fixture *fixture)
{
    struct services *services = &fixture->services;
    struct exchange *x = &fixture->x;

    memset(fixture, 0, sizeof *fixture);
    config_init(&services->config);
    services->config.database_lock_ms = WAIT_MS;
    services->clock = &clock_system;
    services->log = (struct log){.clock = &clock_system, .level = LOG_ERROR, .worker = "test"};
    services->sessions.db = db_new(&services->config, &clock_system, &services->log);
    assert_non_null(services->sessions.db);
    x->services = services;
    arena_init(&x->arena, ARENA_MAX_BYTES);
    response_init(&x->response, &x->arena);
    x->stream = &fixture->told;
    x->sink = &sink;
}

static void tear_down(struct fixture *fixture)
{
    arena_free(&fixture->x.arena);
    db_free(fixture->services.sessions.db);
}

static void a_body_whose_end_waits_for_a_lock_is_let_go_when_its_client_goes(void **state)
{
    struct fixture fixture;
    struct buf answer;

    (void)state;
    set_up(&fixture);
    assert_int_equal(serve_end(&fixture.x, true, &answer), SERVING_JOB);
    assert_int_equal(fixture.services.requests_aside, 1);
    serve_quit(&fixture.x);
    assert_string_equal(fixture.told.what, " whole cut drop");
    assert_null(fixture.x.sink);
    assert_null(fixture.x.job);
    assert_int_equal(fixture.services.requests_aside, 0);
    tear_down(&fixture);
}

static void and_kept_when_it_can_be_what_its_end_goes_on_with_is_ended_too(void **state)
{
    struct fixture fixture;
    struct buf answer;

    (void)state;
    set_up(&fixture);
    assert_int_equal(serve_end(&fixture.x, true, &answer), SERVING_JOB);
    fixture.told.is_free = true;
    serve_quit(&fixture.x);
    assert_string_equal(fixture.told.what, " whole cut quit");
    assert_null(fixture.x.sink);
    assert_null(fixture.x.job);
    tear_down(&fixture);
}

/* The time that tries take of all, when each that is aside waits for WAIT_MS in the database and then pauses. */
static double share_of_tries(struct fixture *fixture, int aside)
{
    double pauses_ms = 0;

    for (int i = 0; i < TRIES; i++) {
        struct err err = {.kind = ERR_NONE};

        fixture->services.requests_aside = aside - 1;
        fixture->x.again = (struct again){.times = 0};
        fail_busy(&err);
        assert_true(again_put_aside(&fixture->x, &err));
        pauses_ms += (double)fixture->x.pause_ms;
    }
    return aside * WAIT_MS / ((double)WAIT_MS + pauses_ms / (double)TRIES);
}

static void those_that_are_aside_leave_most_of_the_worker_to_others(void **state)
{
    struct fixture fixture;

    (void)state;
    set_up(&fixture);
    for (int aside = 10; aside <= 1000; aside *= 10)
        if (share_of_tries(&fixture, aside) > 0.3)
            fail_msg("%d that are aside take %.2f of the worker's time", aside, share_of_tries(&fixture, aside));
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(a_body_whose_end_waits_for_a_lock_is_let_go_when_its_client_goes),
        cmocka_unit_test(and_kept_when_it_can_be_what_its_end_goes_on_with_is_ended_too),
        cmocka_unit_test(those_that_are_aside_leave_most_of_the_worker_to_others),
    };

    return KEEP_PROMISES(promises);
}
