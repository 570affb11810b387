/* A semaphore of coroutines: so many at a time, the others in the order in which they asked, and none for longer than it would. */
#include "base/semaphore.h"

#include "unit.h"

enum { SEVERAL = 4 };

struct fixture {
    struct coroutines *set;
    struct semaphore semaphore;
    char said[64];
};

struct part {
    struct fixture *fixture;
    const char *name; /* said when it has its turn */
    int64_t until_us;
    bool had_turn;
    struct coroutine *self;
};

/* Has its turn until it is woken. */
static void play(void *arg)
{
    struct part *part = arg;
    struct fixture *fixture = part->fixture;

    part->self = coroutine_self(fixture->set);
    part->had_turn = semaphore_take(&fixture->semaphore, fixture->set, &clock_system, part->until_us);
    if (!part->had_turn)
        return;
    strcat(fixture->said, part->name);
    (void)!coroutine_wait(fixture->set, &clock_system, -1, 0, COROUTINE_NEVER);
    semaphore_give(&fixture->semaphore);
}

static void turn(struct fixture *fixture)
{
    for (size_t left = coroutines_gather(fixture->set); left > 0; left--)
        (void)!coroutine_resume(coroutines_next(fixture->set));
}

static void set_up(struct fixture *fixture, struct part parts[SEVERAL], size_t most, void **state)
{
    static const char *const names[SEVERAL] = {"a", "b", "c", "d"};
    struct unit *unit = *state;

    *fixture = (struct fixture){.said = ""};
    semaphore_init(&fixture->semaphore, most);
    assert_granted(coroutines_new(&fixture->set, &clock_system, &unit->err), &unit->err);
    for (size_t i = 0; i < SEVERAL; i++)
        parts[i] = (struct part){.fixture = fixture, .name = names[i], .until_us = COROUTINE_NEVER};
}

static void begin(struct fixture *fixture, struct part *part)
{
    assert_false(coroutine_resume(coroutine_new(fixture->set, true, play, part)));
}

/* Everybody has gone, so all turns are there again. */
static void tear_down(struct fixture *fixture, size_t most)
{
    coroutines_cancel(fixture->set);
    while (coroutines_gather(fixture->set) > 0)
        turn(fixture);
    assert_int_equal(fixture->semaphore.left, most);
    assert_true(TAILQ_EMPTY(&fixture->semaphore.waiters));
    coroutines_free(fixture->set);
}

static void so_many_at_a_time_and_the_others_in_order(void **state)
{
    struct fixture fixture;
    struct part parts[SEVERAL];

    set_up(&fixture, parts, 2, state);
    for (size_t i = 0; i < SEVERAL; i++)
        begin(&fixture, &parts[i]);
    turn(&fixture);
    assert_string_equal(fixture.said, "ab");
    coroutine_wake(parts[1].self);
    turn(&fixture);
    turn(&fixture);
    assert_string_equal(fixture.said, "abc");
    coroutine_wake(parts[0].self);
    coroutine_wake(parts[2].self);
    turn(&fixture);
    turn(&fixture);
    assert_string_equal(fixture.said, "abcd");
    tear_down(&fixture, 2);
}

static void whoever_waited_too_long_leaves_its_place(void **state)
{
    struct fixture fixture;
    struct part parts[SEVERAL];

    set_up(&fixture, parts, 1, state);
    parts[1].until_us = parts[3].until_us = clock_system.monotonic_us() + 1000;
    for (size_t i = 0; i < SEVERAL; i++)
        begin(&fixture, &parts[i]);
    usleep(2000);
    turn(&fixture);
    coroutine_wake(parts[0].self);
    turn(&fixture);
    turn(&fixture);
    assert_string_equal(fixture.said, "ac");
    assert_false(parts[1].had_turn || parts[3].had_turn);
    tear_down(&fixture, 1);
}

static void whoever_is_cancelled_leaves_its_place_too(void **state)
{
    struct fixture fixture;
    struct part parts[SEVERAL];

    set_up(&fixture, parts, 1, state);
    for (size_t i = 0; i < SEVERAL; i++)
        begin(&fixture, &parts[i]);
    tear_down(&fixture, 1);
    assert_string_equal(fixture.said, "a");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(so_many_at_a_time_and_the_others_in_order),
        PROMISE(whoever_waited_too_long_leaves_its_place),
        PROMISE(whoever_is_cancelled_leaves_its_place_too),
    };

    return KEEP_PROMISES(promises);
}
