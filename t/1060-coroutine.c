/* Coroutines: what one waits for, who goes on meanwhile, and how they come to their ends. */
#include "base/coroutine.h"

#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { MOST = 40, MS = 1000 };

struct fixture {
    struct unit *unit;
    struct coroutines *set;
    char said[256]; /* by the coroutines, in order */
};

/* One coroutine of a test: what it says before and after its wait. */
struct part {
    struct fixture *fixture;
    const char *before, *after;
    int fd;
    int64_t until_us;
    bool waited;
    struct coroutine *self;
};

static void say(struct fixture *fixture, const char *word)
{
    strncat(fixture->said, word, sizeof fixture->said - strlen(fixture->said) - 1);
}

static void play(void *arg)
{
    struct part *part = arg;

    part->self = coroutine_self(part->fixture->set);
    say(part->fixture, part->before);
    part->waited = coroutine_wait(part->fixture->set, &clock_system, part->fd, POLLIN, part->until_us);
    say(part->fixture, part->after);
}

static void set_up(struct fixture *fixture, void **state)
{
    *fixture = (struct fixture){.unit = *state};
    assert_granted(coroutines_new(&fixture->set, &clock_system, &fixture->unit->err), &fixture->unit->err);
}

static void tear_down(struct fixture *fixture)
{
    assert_int_equal(coroutines_gather(fixture->set), 0);
    assert_null(coroutine_self(fixture->set));
    coroutines_free(fixture->set);
}

/* True: it has ended at once. */
static bool begin(struct fixture *fixture, struct part *part)
{
    struct coroutine *coroutine = coroutine_new(fixture->set, true, play, part);

    assert_non_null(coroutine);
    assert_ptr_equal(coroutine_arg(coroutine), part);
    part->fixture = fixture;
    return coroutine_resume(coroutine);
}

/* Resumes what is ready by now; how many have ended. */
static int turn(struct fixture *fixture)
{
    int ended = 0;

    for (size_t left = coroutines_gather(fixture->set); left > 0; left--)
        ended += coroutine_resume(coroutines_next(fixture->set));
    return ended;
}

static int64_t in_ms(int64_t ms)
{
    return clock_system.monotonic_us() + ms * MS;
}

static void others_go_on_while_one_waits(void **state)
{
    struct fixture fixture;
    struct part first = {.before = "a", .after = "A", .fd = -1, .until_us = COROUTINE_NEVER},
                second = {.before = "b", .after = "B", .fd = -1, .until_us = COROUTINE_NEVER};

    set_up(&fixture, state);
    assert_false(begin(&fixture, &first));
    assert_false(begin(&fixture, &second));
    assert_int_equal(turn(&fixture), 0);
    assert_string_equal(fixture.said, "ab");
    coroutine_wake(second.self);
    coroutine_wake(second.self); /* once is enough */
    assert_int_equal(coroutines_timeout_ms(fixture.set, 1000), 0);
    assert_int_equal(turn(&fixture), 1);
    coroutine_wake(first.self);
    assert_int_equal(turn(&fixture), 1);
    assert_string_equal(fixture.said, "abBA");
    assert_true(first.waited && second.waited);
    tear_down(&fixture);
}

static void its_time_comes(void **state)
{
    struct fixture fixture;
    struct part late = {.before = "", .after = "L", .fd = -1, .until_us = in_ms(60000)},
                soon = {.before = "", .after = "S", .fd = -1, .until_us = in_ms(30)};
    int timeout_ms;

    set_up(&fixture, state);
    assert_int_equal(coroutines_timeout_ms(fixture.set, 1000), 1000);
    assert_false(begin(&fixture, &late));
    assert_int_equal(coroutines_timeout_ms(fixture.set, 1000), 1000);
    assert_false(begin(&fixture, &soon));
    timeout_ms = coroutines_timeout_ms(fixture.set, 1000);
    assert_in_range(timeout_ms, 0, 30);
    assert_int_equal(turn(&fixture), 0);
    usleep(31 * MS);
    assert_int_equal(coroutines_timeout_ms(fixture.set, 1000), 0);
    assert_int_equal(turn(&fixture), 1);
    assert_string_equal(fixture.said, "S");
    coroutine_wake(late.self);
    assert_int_equal(turn(&fixture), 1);
    tear_down(&fixture);
}

static void its_descriptor_is_ready(void **state)
{
    struct fixture fixture;
    struct pollfd all = {.events = POLLIN};
    struct part part = {.before = "a", .after = "A", .until_us = COROUTINE_NEVER};
    int ends[2];

    set_up(&fixture, state);
    assert_int_equal(pipe(ends), 0);
    part.fd = ends[0];
    all.fd = coroutines_fd(fixture.set);
    assert_false(begin(&fixture, &part));
    assert_int_equal(poll(&all, 1, 0), 0);
    assert_int_equal(turn(&fixture), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    /* One descriptor stands for all that are waited for. */
    assert_int_equal(poll(&all, 1, 0), 1);
    assert_int_equal(turn(&fixture), 1);
    assert_string_equal(fixture.said, "aA");
    /* It is not watched any more. */
    assert_int_equal(poll(&all, 1, 0), 0);
    tear_down(&fixture);
    close(ends[0]);
    close(ends[1]);
}

static void a_cancelled_one_comes_to_its_end(void **state)
{
    struct fixture fixture;
    struct part parts[3];

    set_up(&fixture, state);
    for (size_t i = 0; i < COUNT(parts); i++) {
        parts[i] = (struct part){.before = "", .after = "x", .fd = -1, .until_us = COROUTINE_NEVER};
        assert_false(begin(&fixture, &parts[i]));
    }
    coroutines_cancel(fixture.set);
    assert_int_equal(turn(&fixture), 3);
    assert_string_equal(fixture.said, "xxx");
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_false(parts[i].waited);
    /* Who comes later does not wait at all. */
    parts[0] = (struct part){.before = "y", .after = "z", .fd = -1, .until_us = COROUTINE_NEVER};
    assert_true(begin(&fixture, &parts[0]));
    assert_false(parts[0].waited);
    tear_down(&fixture);
}

static void one_that_may_not_wait_does_not(void **state)
{
    struct fixture fixture;
    struct part part = {.before = "a", .after = "A", .fd = -1, .until_us = COROUTINE_NEVER, .fixture = &fixture};

    set_up(&fixture, state);
    assert_true(coroutine_resume(coroutine_new(fixture.set, false, play, &part)));
    assert_string_equal(fixture.said, "aA");
    assert_false(part.waited);
    assert_false(coroutine_may_wait(fixture.set));
    assert_true(coroutine_may_wait(NULL));
    tear_down(&fixture);
}

/* More than stacks are kept, again and again. */
static void many_come_and_go(void **state)
{
    struct fixture fixture;
    struct part parts[MOST];

    set_up(&fixture, state);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MOST; i++) {
            parts[i] = (struct part){.before = "", .after = "", .fd = -1, .until_us = COROUTINE_NEVER};
            assert_false(begin(&fixture, &parts[i]));
        }
        for (size_t i = 0; i < MOST; i++)
            coroutine_wake(parts[i].self);
        assert_int_equal(turn(&fixture), MOST);
    }
    tear_down(&fixture);
}

struct digger {
    struct coroutines *set;
    int depth;
    uint64_t sum;
};

/* Each frame has numbers of its own, which must be there after the wait. */
static uint64_t dig(struct digger *digger, int depth)
{
    volatile unsigned char frame[512];
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (unsigned char)(i * (size_t)depth);
    if (depth > 0)
        sum = dig(digger, depth - 1);
    else
        assert_true(coroutine_wait(digger->set, &clock_system, -1, 0, 0));
    for (size_t i = 0; i < sizeof frame; i++)
        if (frame[i] != (unsigned char)(i * (size_t)depth))
            return 0;
    return sum + (uint64_t)depth;
}

static void begin_to_dig(void *arg)
{
    struct digger *digger = arg;

    digger->sum = dig(digger, digger->depth);
}

static void each_has_a_stack_of_its_own(void **state)
{
    enum { DEPTH = 60 };
    struct fixture fixture;
    struct digger diggers[MOST];

    set_up(&fixture, state);
    for (size_t i = 0; i < MOST; i++) {
        diggers[i] = (struct digger){.set = fixture.set, .depth = DEPTH};
        assert_false(coroutine_resume(coroutine_new(fixture.set, true, begin_to_dig, &diggers[i])));
    }
    assert_int_equal(turn(&fixture), MOST);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(diggers[i].sum, DEPTH * (DEPTH + 1) / 2);
    tear_down(&fixture);
}

/* As far as somewhat beyond a stack of 256 KiB, in steps that no guard page is too small for. */
static int sink(const char *top)
{
    enum { BEYOND_BYTES = (256 + 16) * 1024 };
    const char *here = __builtin_frame_address(0);
    volatile char step[256];

    step[0] = 1;
    return top - here < BEYOND_BYTES ? sink(top) + step[0] : step[0];
}

static void begin_to_sink(void *arg)
{
    *(int *)arg = sink(__builtin_frame_address(0));
}

/* Who needs more than its stack writes to nobody's memory. */
static void too_deep_a_one_ends_its_process(void **state)
{
    struct fixture fixture;
    int status;
    pid_t pid;

    set_up(&fixture, state);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka's would need a stack */
        (void)!freopen("/dev/null", "w", stderr);
        (void)!coroutine_resume(coroutine_new(fixture.set, true, begin_to_sink, &status));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    tear_down(&fixture);
}

/* The loop itself can't wait, or everybody would. */
static void outside_of_a_coroutine_nobody_waits(void **state)
{
    struct fixture fixture;
    int64_t start_us = clock_system.monotonic_us();

    set_up(&fixture, state);
    assert_false(coroutine_wait(fixture.set, &clock_system, -1, 0, in_ms(60000)));
    assert_true(clock_system.monotonic_us() - start_us < 30000 * MS);
    tear_down(&fixture);
}

static void without_a_loop_it_simply_waits(void **state)
{
    int64_t start_us = clock_system.monotonic_us();
    int ends[2];

    (void)state;
    assert_null(coroutine_self(NULL));
    assert_true(coroutine_wait(NULL, &clock_system, -1, 0, in_ms(20)));
    assert_true(clock_system.monotonic_us() - start_us >= 20 * MS);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    start_us = clock_system.monotonic_us();
    assert_true(coroutine_wait(NULL, &clock_system, ends[0], POLLIN, COROUTINE_NEVER));
    assert_true(coroutine_wait(NULL, &clock_system, ends[0], POLLIN, in_ms(60000)));
    assert_true(clock_system.monotonic_us() - start_us < 30000 * MS);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(others_go_on_while_one_waits),
        PROMISE(its_time_comes),
        PROMISE(its_descriptor_is_ready),
        PROMISE(a_cancelled_one_comes_to_its_end),
        PROMISE(one_that_may_not_wait_does_not),
        PROMISE(many_come_and_go),
        PROMISE(each_has_a_stack_of_its_own),
        PROMISE(too_deep_a_one_ends_its_process),
        PROMISE(outside_of_a_coroutine_nobody_waits),
        PROMISE(without_a_loop_it_simply_waits),
    };

    return KEEP_PROMISES(promises);
}
