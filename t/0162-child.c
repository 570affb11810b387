/* A bounded child: what it is given, how it may end, and that nothing of it stays behind. */
#include "child.h"

static void it_reads_its_input_and_its_output_arrives_whole(void **state)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    struct unit *unit = *state;
    struct child_result result;
    char text[OUTPUT_MAX];
    int input = memfd_create("input", MFD_CLOEXEC);

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31 + i / 256);
    assert_true(write(input, text, sizeof text) == (ssize_t)sizeof text);
    assert_int_equal(lseek(input, 0, SEEK_SET), 0);
    assert_granted(run(unit, argv, input, AMPLE_MS, &result), &unit->err);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.code, 0);
    assert_int_equal(result.output_length, sizeof text);
    assert_memory_equal(result.output, text, sizeof text);
    assert_int_equal(result.output[sizeof text], '\0');
    close(input);
    no_child_is_left();
}

static void its_exit_status_and_its_first_complaint_are_told(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    shell(unit, "echo one >&2; echo two >&2; exit 43", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.code, 43);
    assert_string_equal(result.complaint, "one");
    assert_string_equal(result.output, "");
    shell(unit, "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo said", AMPLE_MS, &result);
    assert_int_equal(result.code, 0);
    assert_int_equal(strlen(result.complaint), CHILD_COMPLAINT_BYTES - 1);
    assert_string_equal(result.output, "said\n");
}

static void a_signal_that_ends_it_is_told(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    shell(unit, "kill -s SEGV $$", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_SIGNALLED);
    assert_int_equal(result.code, SIGSEGV);
    no_child_is_left();
}

static void it_gets_three_descriptors_and_no_environment(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    int leaky[4];

    for (size_t i = 0; i < COUNT(leaky); i++)
        leaky[i] = open("/dev/null", O_RDONLY); /* without close-on-exec, as a careless library would */
    assert_int_equal(setenv("UNIT_SECRET", "x", 1), 0);
    /* The glob itself opens one, so it is read by another process through /proc. */
    shell(unit, "exec 9<&-; for fd in /proc/$$/fd/*; do [ -e \"$fd\" ] && echo \"${fd##*/}\"; done", AMPLE_MS, &result);
    assert_string_equal(result.output, "0\n1\n2\n");
    shell(unit, "tr '\\0' '\\n' </proc/$$/environ", AMPLE_MS, &result);
    assert_string_equal(result.output, "");
    for (size_t i = 0; i < COUNT(leaky); i++)
        close(leaky[i]);
}

static void it_leads_a_group_of_its_own(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    char expected[64];

    shell(unit, "read pid name state parent group rest </proc/$$/stat; echo $((pid == group)) $parent", AMPLE_MS,
          &result);
    snprintf(expected, sizeof expected, "1 %d\n", (int)getpid());
    assert_string_equal(result.output, expected);
}

static void it_can_be_signalled_whatever_its_parent_blocks(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    sigset_t all, before;
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    /* Signals 32 and 33 are libc's own; where whoever started the test has them ignored, nobody can change that. */
    shell(
        unit,
        "grep -E 'Sig(Blk|Ign)' /proc/self/status | sed 's/00000001800/00000000000/' | tr -d '\\t\\n'; kill -s TERM $$",
        AMPLE_MS, &result);
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, pipe_before);
    assert_string_equal(result.output, "SigBlk:0000000000000000SigIgn:0000000000000000");
    assert_int_equal(result.end, CHILD_SIGNALLED);
    assert_int_equal(result.code, SIGTERM);
}

static void at_the_deadline_it_is_killed_with_all_that_it_started(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    int64_t before = now_ms(), took;
    pid_t descendant;

    shell(unit, "trap '' TERM INT HUP; sleep 600 & echo $!; wait", SHORT_MS, &result);
    took = now_ms() - before;
    assert_int_equal(result.end, CHILD_TIMEOUT);
    assert_in_range(took, SHORT_MS, SHORT_MS + 5000);
    descendant = (pid_t)atoi(result.output);
    assert_true(descendant > 0);
    assert_true(dies(descendant));
    no_child_is_left();
}

static void a_fifo_that_never_ends_holds_nobody_beyond_the_deadline(void **state)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    struct unit *unit = *state;
    struct child_result result;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_granted(run(unit, argv, ends[0], SHORT_MS, &result), &unit->err);
    assert_int_equal(result.end, CHILD_TIMEOUT);
    close(ends[0]);
    close(ends[1]);
    no_child_is_left();
}

static void a_stopped_child_is_killed_too(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    shell(unit, "kill -s STOP $$", SHORT_MS, &result);
    assert_int_equal(result.end, CHILD_TIMEOUT);
    no_child_is_left();
}

static void closed_pipes_do_not_hide_a_child_that_goes_on(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    shell(unit, "exec sleep 600 >&- 2>&-", SHORT_MS, &result);
    assert_int_equal(result.end, CHILD_TIMEOUT);
    no_child_is_left();
}

static void a_descendant_that_holds_the_pipe_is_not_waited_for(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    int64_t before = now_ms();

    shell(unit, "sleep 600 & echo $!", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_true(now_ms() - before < AMPLE_MS / 2);
    assert_true(dies((pid_t)atoi(result.output)));
    no_child_is_left();
}

static void a_byte_too_much_ends_it(void **state)
{
    struct unit *unit = *state;
    struct child_result result;

    shell(unit, "head -c 100000 /dev/zero", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.output_length, OUTPUT_MAX);
    shell(unit, "exec head -c 100001 /dev/zero", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_OUTPUT);
    shell(unit, "exec cat /dev/zero", AMPLE_MS, &result);
    assert_int_equal(result.end, CHILD_OUTPUT);
    no_child_is_left();
}

static void a_full_arena_ends_it(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "exec cat /dev/zero", NULL};
    struct unit *unit = *state;
    struct child_result result;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    unit->arena.limit_bytes = 64 * 1024;
    assert_refused(run(unit, argv, nothing, AMPLE_MS, &result), &unit->err, ERR_DOWN, "out of memory");
    close(nothing);
    no_child_is_left();
}

static void a_program_that_is_not_there_is_named(void **state)
{
    static const char *const missing[] = {"/nowhere/program", NULL}, *const folder[] = {"/", NULL};
    struct unit *unit = *state;
    struct child_result result;

    assert_refused(run(unit, missing, STDIN_FILENO, AMPLE_MS, &result), &unit->err, ERR_DOWN,
                   "/nowhere/program: No such file or directory");
    assert_refused(run(unit, folder, STDIN_FILENO, AMPLE_MS, &result), &unit->err, ERR_DOWN, "/: Permission denied");
    no_child_is_left();
}

static void no_descriptor_is_left_open(void **state)
{
    static const char *const missing[] = {"/nowhere/program", NULL};
    struct unit *unit = *state;
    struct child_result result;
    int before = open_descriptors();

    shell(unit, "echo x", AMPLE_MS, &result);
    shell(unit, "exec sleep 600", 50, &result);
    assert_refused(run(unit, missing, STDIN_FILENO, AMPLE_MS, &result), &unit->err, ERR_DOWN, "/nowhere/program");
    assert_int_equal(open_descriptors(), before);
}

/* A worker has no 0, 1 or 2 that it could spare, but a pipe may come to have these numbers when one is closed. */
static void closed_standard_descriptors_do_no_harm(void **state)
{
    struct unit *unit = *state;
    struct child_result result;
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        static const char *const argv[] = {"/bin/cat", NULL};
        int input;

        for (int fd = 0; fd < 3; fd++)
            close(fd);
        input = memfd_create("input", MFD_CLOEXEC); /* is 0, and the pipes are 1 to 4 */
        _exit(input == 0 && write(input, "whole", 5) == 5 && lseek(input, 0, SEEK_SET) == 0 &&
                      run(unit, argv, input, AMPLE_MS, &result) && result.code == 0 && result.output_length == 5 &&
                      memcmp(result.output, "whole", 5) == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The worker that waits is killed as a power cut would. */
static void a_killed_parent_takes_its_child_along(void **state)
{
    struct unit *unit = *state;
    int told[2];
    char text[32] = "";
    pid_t parent, child;

    assert_int_equal(pipe(told), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        static const char *const argv[] = {"/bin/sh", "-c", "echo $$ >&0; exec sleep 600", NULL};
        struct child_result result;

        /* Its input is the pipe's end that can be written to. */
        _exit(run(unit, argv, told[1], AMPLE_MS, &result) ? 0 : 1);
    }
    close(told[1]);
    assert_true(read(told[0], text, sizeof text - 1) > 0);
    child = (pid_t)atoi(text);
    assert_true(child > 0);
    assert_int_equal(kill(child, 0), 0);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_true(dies(child));
    no_child_is_left();
    close(told[0]);
}

/* A shell that is attended in steps. */
static struct child_running *start(struct unit *unit, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const struct child child = {
        .program = argv[0], .argv = argv, .input = nothing, .output_max_bytes = OUTPUT_MAX, .timeout_ms = AMPLE_MS};
    struct child_running *running;

    assert_true(nothing >= 0);
    assert_granted(child_start(&child, &unit->arena, &running, &unit->err), &unit->err);
    close(nothing);
    return running;
}

static void in_steps_it_holds_nobody_up(void **state)
{
    struct unit *unit = *state;
    struct child_running *running = start(unit, "printf one; sleep 0.3; printf two; echo no >&2; exit 7");
    struct child_result result;
    int64_t longest_ms = 0;
    bool over = false;
    int steps = 0;

    for (; !over; steps++) {
        int64_t before_ms = now_ms();

        assert_granted(child_attend(running, 0, &over, &result, &unit->err), &unit->err);
        if (now_ms() - before_ms > longest_ms)
            longest_ms = now_ms() - before_ms;
        usleep(1000);
    }
    assert_true(steps > 10);
    assert_true(longest_ms < 200);
    assert_int_equal(result.end, CHILD_EXITED);
    assert_int_equal(result.code, 7);
    assert_string_equal(result.output, "onetwo");
    assert_string_equal(result.complaint, "no");
    no_child_is_left();
}

static void one_that_nobody_attends_any_more_goes_with_the_arena(void **state)
{
    struct unit *unit = *state;
    int before = open_descriptors();
    struct child_running *running = start(unit, "exec sleep 60");
    struct child_result result;
    bool over;

    assert_granted(child_attend(running, 20, &over, &result, &unit->err), &unit->err);
    assert_false(over);
    arena_reset(&unit->arena);
    no_child_is_left();
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(it_reads_its_input_and_its_output_arrives_whole),
        PROMISE(its_exit_status_and_its_first_complaint_are_told),
        PROMISE(a_signal_that_ends_it_is_told),
        PROMISE(it_gets_three_descriptors_and_no_environment),
        PROMISE(it_leads_a_group_of_its_own),
        PROMISE(it_can_be_signalled_whatever_its_parent_blocks),
        PROMISE(at_the_deadline_it_is_killed_with_all_that_it_started),
        PROMISE(a_fifo_that_never_ends_holds_nobody_beyond_the_deadline),
        PROMISE(a_stopped_child_is_killed_too),
        PROMISE(closed_pipes_do_not_hide_a_child_that_goes_on),
        PROMISE(a_descendant_that_holds_the_pipe_is_not_waited_for),
        PROMISE(a_byte_too_much_ends_it),
        PROMISE(a_full_arena_ends_it),
        PROMISE(a_program_that_is_not_there_is_named),
        PROMISE(no_descriptor_is_left_open),
        PROMISE(closed_standard_descriptors_do_no_harm),
        PROMISE(a_killed_parent_takes_its_child_along),
        PROMISE(in_steps_it_holds_nobody_up),
        PROMISE(one_that_nobody_attends_any_more_goes_with_the_arena),
    };

    /* Orphans come to this process, not to an init that may not reap. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return 1;
    return KEEP_PROMISES(promises);
}
