/* A command of an administrator's: what it is given, how it ends, and what it started that goes on. */
#include "child.h"

static void of_a_command_the_end_of_what_it_said_is_kept(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    command(unit, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo why; echo here >&2; exit 3", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.code, 3);
    assert_string_equal(result.output, "xxxwhy\nhere\n");
    assert_int_equal(result.output_length, KEPT);
    assert_string_equal(result.complaint, "");
    command(unit, "kill -s TERM $$", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_SIGNALLED);
    assert_int_equal(result.code, SIGTERM);
    assert_string_equal(result.output, "");
    no_child_is_left();
}

static void a_command_has_our_environment_and_reads_nothing(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    assert_int_equal(setenv("UNIT_VALUE", "ours", 1), 0);
    command(unit, "cat; echo $UNIT_VALUE", AMPLE_MS, &result);
    assert_string_equal(result.output, "ours\n");
    unsetenv("UNIT_VALUE");
}

static void what_a_command_starts_goes_on_after_it(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    int64_t before = now_ms();
    pid_t service;
    int status;

    command(unit, "sleep 600 & echo $!", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_true(now_ms() - before < AMPLE_MS / 2);
    service = (pid_t)atoi(result.output);
    assert_true(service > 0);
    assert_int_equal(kill(service, SIGTERM), 0);
    assert_int_equal(waitpid(service, &status, 0), service);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM); /* and no KILL came before */
    no_child_is_left();
}

/* Nobody reads what it writes then, of which it dies. */
static void a_service_that_goes_on_writing_holds_nobody_up(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    int64_t before = now_ms();

    command(unit, "yes & exit 0", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.code, 0);
    assert_true(now_ms() - before < AMPLE_MS / 2);
    assert_true(waitpid(-1, NULL, 0) > 0);
    no_child_is_left();
}

static void a_command_is_killed_at_its_deadline_with_all_that_it_started(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    command(unit, "trap '' TERM INT HUP; sleep 600 & echo $!; wait", SHORT_MS, &result);
    assert_int_equal(result.end, CHILD_TIMEOUT);
    assert_true(dies((pid_t)atoi(result.output)));
    command(unit, "exec yes", SHORT_MS, &result);
    assert_int_equal(result.end, CHILD_TIMEOUT);
    no_child_is_left();
}

static void a_command_that_is_not_there_exits_as_in_a_shell(void **state)
{
    static const char *const missing[] = {"/nowhere/program", NULL};
    struct unit *unit = *state;
    struct child_result result;

    assert_granted(run_command(unit, missing, AMPLE_MS, &result), &unit->err);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.code, 127);
    assert_string_equal(result.output, "r directory\n");
    no_child_is_left();
}

/* Else what it has stopped would stay so. */
static void a_killed_parent_leaves_its_command(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "echo $$ >&0; read word; echo $word >&0", NULL};
    struct unit *unit = *state;
    char text[32] = "";
    int ends[2];
    pid_t parent, child;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        const struct child one = {.kind = CHILD_COMMAND,
                                  .program = argv[0],
                                  .argv = argv,
                                  .input = ends[1],
                                  .output_max_bytes = KEPT,
                                  .timeout_ms = AMPLE_MS};
        struct child_result result;

        _exit(child_run(&one, &unit->arena, &result, &unit->err) ? 0 : 1);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    child = (pid_t)atoi(text);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(send(ends[0], "on\n", 3, MSG_NOSIGNAL), 3);
    assert_int_equal(read(ends[0], text, sizeof text), 3);
    assert_memory_equal(text, "on\n", 3);
    assert_true(dies(child));
    no_child_is_left();
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(of_a_command_the_end_of_what_it_said_is_kept),
        PROMISE(a_command_has_our_environment_and_reads_nothing),
        PROMISE(what_a_command_starts_goes_on_after_it),
        PROMISE(a_service_that_goes_on_writing_holds_nobody_up),
        PROMISE(a_command_is_killed_at_its_deadline_with_all_that_it_started),
        PROMISE(a_command_that_is_not_there_exits_as_in_a_shell),
        PROMISE(a_killed_parent_leaves_its_command),
    };

    /* Orphans come to this process, not to an init that may not reap. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return 1;
    return KEEP_PROMISES(promises);
}
