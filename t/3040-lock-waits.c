/* Those who meet another's lock in a coroutine: for how long each waits, and what all of them leave of the process's time. */
#include "db/db_lock.h"

#include "unit.h"

enum {
    TRY_MS = 3, /* database_lock_ms: for so long a try holds up the process */
    PATIENCE_MS = 5000,
    LOCKED_MS = 4000,
    CROWD_MAX = 200,
};

static int64_t time_us;

static int64_t monotonic_us(void)
{
    return time_us;
}

static int64_t now_ms(void)
{
    return time_us / 1000;
}

static const struct clock stopped = {.now_ms = now_ms, .monotonic_us = monotonic_us};

struct crowd {
    struct coroutines *set;
    struct config config;
    size_t waiting;
    int64_t free_at_us;           /* nobody holds the lock any more */
    int tries, done, tired, busy; /* of those that are tired, still so */
};

/* As db.c does with a statement, whose try takes time. */
static void want_the_lock(void *arg)
{
    struct crowd *crowd = arg;
    struct db_lock_wait wait = {.times = 0};
    struct err err = {.kind = ERR_NONE};

    do {
        err_clear(&err);
        if (time_us >= crowd->free_at_us) {
            crowd->done++;
            return;
        }
        time_us += TRY_MS * 1000;
        crowd->tries++;
        err_set(&err, ERR_DOWN, "somebody else has the row");
        err.busy = true;
    } while (db_lock_wait(&wait, &crowd->waiting, crowd->set, &stopped, &crowd->config, &err));
    crowd->tired++;
    crowd->busy += err.busy;
}

static void set_up(struct crowd *crowd, struct unit *unit, int64_t locked_ms)
{
    memset(crowd, 0, sizeof *crowd);
    time_us = 1000000;
    config_init(&crowd->config);
    crowd->config.database_lock_ms = TRY_MS;
    crowd->config.database_patience_ms = PATIENCE_MS;
    crowd->free_at_us = time_us + locked_ms * 1000;
    assert_granted(coroutines_new(&crowd->set, &stopped, &unit->err), &unit->err);
}

static void begin(struct crowd *crowd)
{
    struct coroutine *coroutine = coroutine_new(crowd->set, true, want_the_lock, crowd);

    assert_non_null(coroutine);
    (void)!coroutine_resume(coroutine);
}

/* The loop of a process that has nothing else to do, up to this time or until nobody waits any more. */
static void go_on(struct crowd *crowd, int64_t until_us)
{
    while (time_us < until_us && crowd->waiting > 0) {
        for (size_t ready = coroutines_gather(crowd->set); ready > 0; ready--)
            (void)!coroutine_resume(coroutines_next(crowd->set));
        if (crowd->waiting > 0)
            time_us += coroutines_timeout_ms(crowd->set, 1000) * INT64_C(1000);
    }
}

static void their_tries_leave_most_of_the_time_to_others(void **state)
{
    for (int count = 1; count <= CROWD_MAX; count = count < 10 ? count + 3 : count * 2) {
        struct crowd crowd;
        int64_t began_us;
        int before;
        double share;

        set_up(&crowd, *state, LOCKED_MS);
        for (int i = 0; i < count; i++)
            begin(&crowd);
        /* Each has tried once by now, when those who had come before were few. */
        began_us = time_us;
        before = crowd.tries;
        go_on(&crowd, crowd.free_at_us);
        share = (crowd.tries - before) * TRY_MS * 1e3 / (double)(time_us - began_us);
        /* A fourth of it, as they pause for four times as long; and some more for how they begin. */
        if (share > 0.4)
            fail_msg("%d who wait for a lock take %.2f of the process's time", count, share);
        go_on(&crowd, INT64_MAX);
        assert_int_equal(crowd.done, count);
        assert_int_equal(crowd.waiting, 0);
        coroutines_free(crowd.set);
    }
}

static void who_waits_alone_tries_again_soon(void **state)
{
    struct crowd crowd;

    set_up(&crowd, *state, 500);
    begin(&crowd);
    go_on(&crowd, INT64_MAX);
    assert_int_equal(crowd.done, 1);
    assert_in_range(time_us - crowd.free_at_us, 0, 100000);
    coroutines_free(crowd.set);
}

static void nobody_waits_for_ever(void **state)
{
    struct crowd crowd;

    set_up(&crowd, *state, 10 * PATIENCE_MS);
    for (int i = 0; i < 20; i++)
        begin(&crowd);
    go_on(&crowd, INT64_MAX);
    assert_int_equal(crowd.tired, 20);
    assert_int_equal(crowd.busy, 0);
    assert_int_equal(crowd.done, 0);
    assert_int_equal(crowd.waiting, 0);
    assert_in_range(time_us, PATIENCE_MS * 1000, 2 * PATIENCE_MS * 1000);
    coroutines_free(crowd.set);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(their_tries_leave_most_of_the_time_to_others),
        PROMISE(who_waits_alone_tries_again_soon),
        PROMISE(nobody_waits_for_ever),
    };

    return KEEP_PROMISES(promises);
}
