/* Zygotes and children that are killed or stuck: others' work is done, and no process is left behind. */
#include "zygote.h"

/* The line of a process's file in /proc. */
static bool shows(pid_t pid, const char *name, const char *wanted)
{
    char path[64], line[256];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    file = fopen(path, "r");
    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, wanted, strlen(wanted)) == 0;
    fclose(file);
    return found;
}

static void wait_for_children(pid_t zygote, size_t wanted, pid_t *children)
{
    for (int64_t until = now_ms() + AMPLE_MS; children_of(zygote, children, 64) != wanted; usleep(2000))
        assert_true(now_ms() < until);
}

static void both_are_limited_before_any_work_comes(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "rest");
    struct zygote_job *job = ask(unit, zygote, AMPLE_MS);
    pid_t children[64];

    (void)job;
    wait_for_children(zygote->pid, 3, children);
    assert_true(shows(zygote->pid, "status", "Seccomp:\t2"));
    assert_true(shows(zygote->pid, "status", "NoNewPrivs:\t1"));
    assert_true(shows(zygote->pid, "limits", "Max core file size        0  "));
    for (size_t i = 0; i < 3; i++) {
        for (int64_t until = now_ms() + AMPLE_MS; !shows(children[i], "status", "Seccomp_filters:\t2"); usleep(2000))
            assert_true(now_ms() < until);
        assert_true(shows(children[i], "status", "NoNewPrivs:\t1"));
        assert_true(shows(children[i], "limits", "Max cpu time              1  "));
        assert_true(shows(children[i], "limits", "Max file size             0  "));
        assert_true(shows(children[i], "limits", "Max core file size        0  "));
        assert_true(shows(children[i], "limits", "Max address space         134217728  "));
        assert_true(shows(children[i], "limits", "Max open files            8  "));
    }
    arena_reset(&unit->arena);
    nobody_is_left(zygote);
}

static void a_child_that_is_killed_is_only_its_own_file(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "pid;rest");
    struct zygote_job *job = ask(unit, zygote, AMPLE_MS), *other = ask(unit, zygote, SHORT_MS);
    char pid[16] = "";
    struct child_result result;

    while (recv(zygote_descriptor(job), pid, sizeof pid - 1, MSG_PEEK) <= 0)
        ;
    assert_int_equal(kill((pid_t)atoi(pid), SIGKILL), 0);
    result = get(unit, job);
    assert_int_equal(result.end, CHILD_SIGNALLED);
    assert_int_equal(result.code, SIGKILL);
    assert_int_equal(get(unit, other).end, CHILD_TIMEOUT);
    nobody_is_left(zygote);
}

static void a_zygote_that_is_killed_is_replaced_and_its_work_is_done_anew(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "echo");
    pid_t first, children[64];
    struct zygote_job *job;

    assert_string_equal(do_one(unit, zygote).output, "7 a file's bytes");
    first = zygote->pid;
    kill(first, SIGSTOP);
    job = ask(unit, zygote, AMPLE_MS);
    (void)children_of(first, children, COUNT(children));
    kill(first, SIGKILL);
    assert_string_equal(get(unit, job).output, "7 a file's bytes");
    assert_true(zygote->pid != first && zygote->pid > 0);
    assert_true(vanishes(first));
    assert_true(vanishes(children[0]) && vanishes(children[1]));
    nobody_is_left(zygote);
}

static void one_that_is_stuck_is_replaced(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "echo");
    pid_t first;

    assert_string_equal(do_one(unit, zygote).output, "7 a file's bytes");
    first = zygote->pid;
    kill(first, SIGSTOP);
    assert_int_equal(get(unit, ask(unit, zygote, SHORT_MS)).end, CHILD_TIMEOUT);
    assert_string_equal(do_one(unit, zygote).output, "7 a file's bytes");
    assert_true(zygote->pid != first);
    nobody_is_left(zygote);
}

static void a_crash_gets_one_guess_at_the_layout_of_memory(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "signal 11");
    pid_t first;

    assert_int_equal(do_one(unit, zygote).end, CHILD_SIGNALLED);
    first = zygote->pid;
    assert_int_equal(do_one(unit, zygote).end, CHILD_SIGNALLED);
    assert_true(zygote->pid != first);
    assert_true(vanishes(first));
    nobody_is_left(zygote);
}

/* Those in hand when one crashes are neither lost nor done twice. */
static void what_was_sent_before_a_crash_is_done(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "say done;signal 11");
    struct zygote_job *jobs[6];

    for (size_t i = 0; i < COUNT(jobs); i++)
        jobs[i] = ask(unit, zygote, AMPLE_MS);
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct child_result result = get(unit, jobs[i]);

        assert_int_equal(result.end, CHILD_SIGNALLED);
        assert_string_equal(result.complaint, "done");
    }
    nobody_is_left(zygote);
}

static void there_are_no_more_children_than_may_be(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "rest");
    pid_t children[64];

    for (int i = 0; i < 20; i++)
        (void)ask(unit, zygote, AMPLE_MS);
    wait_for_children(zygote->pid, 8, children);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(children_of(zygote->pid, children, COUNT(children)), 8);
        usleep(2000);
    }
    /* Nobody waits for these any more; two wait for others. */
    arena_reset(&unit->arena);
    wait_for_children(zygote->pid, 2, children);
    nobody_is_left(zygote);
}

static void it_dies_with_whoever_started_it(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    pid_t pids[4] = {0}; /* the zygote's and three children's */
    int tell[2];
    pid_t worker;

    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    worker = fork();
    assert_true(worker >= 0);
    if (worker == 0) {
        struct zygote *zygote = toy(&one, "rest");

        (void)ask(unit, zygote, AMPLE_MS);
        wait_for_children(zygote->pid, 3, pids + 1);
        pids[0] = zygote->pid;
        (void)!write(tell[1], pids, sizeof pids);
        pause();
        _exit(0);
    }
    assert_true(read(tell[0], pids, sizeof pids) == sizeof pids);
    kill(worker, SIGKILL);
    assert_int_equal(waitpid(worker, NULL, 0), worker);
    for (size_t i = 0; i < COUNT(pids); i++)
        assert_true(pids[i] > 0 && vanishes(pids[i]));
    close(tell[0]);
    close(tell[1]);
}

static void a_program_that_is_not_there_is_said(void **state)
{
    struct unit *unit = *state;
    const struct zygote_task task = {.input = -1, .output_max_bytes = OUTPUT_MAX, .timeout_ms = AMPLE_MS};
    struct zygote zygote;
    struct child_result result;
    struct zygote_job *job;
    bool over = false;

    zygote_init(&zygote, "/nowhere/program", no_argv);
    assert_granted(zygote_ask(&zygote, &unit->arena, &task, &job, &unit->err), &unit->err);
    assert_refused(zygote_attend(job, AMPLE_MS, &over, &result, &unit->err), &unit->err, ERR_DOWN, "/nowhere/program");
    nobody_is_left(&zygote);
}

static void asking_waits_for_nothing(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "hang");
    int64_t began = now_ms();
    struct child_result result;
    bool over;

    for (int i = 0; i < 4; i++)
        assert_granted(zygote_attend(ask(unit, zygote, AMPLE_MS), 0, &over, &result, &unit->err), &unit->err);
    assert_false(over);
    assert_in_range(now_ms() - began, 0, AMPLE_MS / 10);
    arena_reset(&unit->arena);
    nobody_is_left(zygote);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(both_are_limited_before_any_work_comes),
        PROMISE(a_child_that_is_killed_is_only_its_own_file),
        PROMISE(a_zygote_that_is_killed_is_replaced_and_its_work_is_done_anew),
        PROMISE(one_that_is_stuck_is_replaced),
        PROMISE(a_crash_gets_one_guess_at_the_layout_of_memory),
        PROMISE(what_was_sent_before_a_crash_is_done),
        PROMISE(there_are_no_more_children_than_may_be),
        PROMISE(it_dies_with_whoever_started_it),
        PROMISE(a_program_that_is_not_there_is_said),
        PROMISE(asking_waits_for_nothing),
    };

    static const char bytes[] = "a file's bytes";

    readable = memfd_create("bytes", MFD_CLOEXEC);
    if (readable < 0 || write(readable, bytes, sizeof bytes - 1) != (ssize_t)sizeof bytes - 1)
        return 1;
    return KEEP_PROMISES(promises);
}
