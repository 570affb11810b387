/* A zygote: one child for each piece of work, which has nothing and may do nothing else; and none is left behind, whoever dies. */
#include "media/zygote.h"

#include "base/clock.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { AMPLE_MS = 20000, SHORT_MS = 300, OUTPUT_MAX = 1000 };

static const char *const no_argv[] = {"zygote-toy", NULL};

/* The words live as long as the zygote. */
struct toy {
    struct zygote zygote;
    const char *argv[3];
};

static struct zygote *toy(struct toy *toy, const char *words)
{
    toy->argv[0] = "zygote-toy";
    toy->argv[1] = words;
    toy->argv[2] = NULL;
    zygote_init(&toy->zygote, ZYGOTE_TOY, toy->argv);
    return &toy->zygote;
}

static int readable = -1; /* what children may read */

static struct zygote_job *ask(struct unit *unit, struct zygote *zygote, int64_t timeout_ms)
{
    const struct zygote_task task = {
        .number = 7, .input = readable, .output_max_bytes = OUTPUT_MAX, .timeout_ms = timeout_ms};
    struct zygote_job *job;

    assert_granted(zygote_ask(zygote, &unit->arena, &task, &job, &unit->err), &unit->err);
    return job;
}

static struct child_result get(struct unit *unit, struct zygote_job *job)
{
    struct child_result result;
    bool over = false;

    while (!over)
        assert_granted(zygote_attend(job, AMPLE_MS, &over, &result, &unit->err), &unit->err);
    return result;
}

static struct child_result do_one(struct unit *unit, struct zygote *zygote)
{
    return get(unit, ask(unit, zygote, AMPLE_MS));
}

static int64_t now_ms(void)
{
    return clock_system.monotonic_us() / 1000;
}

/* Whether the process is gone, or dead and somebody else's to bury, before ten seconds are over. */
static bool vanishes(pid_t pid)
{
    char path[32], line[256];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    for (int64_t until = now_ms() + 10000; now_ms() < until; usleep(5000)) {
        FILE *file = fopen(path, "r");
        bool dead = file == NULL || fgets(line, sizeof line, file) == NULL || strstr(line, ") Z ") != NULL;

        if (file != NULL)
            fclose(file);
        if (dead)
            return true;
    }
    return false;
}

static size_t children_of(pid_t parent, pid_t *children, size_t most)
{
    char path[300], line[512];
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        FILE *file;
        int of = 0;

        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        if (atoi(entry->d_name) == 0 || (file = fopen(path, "r")) == NULL)
            continue;
        if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')') != NULL)
            (void)sscanf(strrchr(line, ')') + 1, " %*c %d", &of);
        fclose(file);
        if (of == parent && count < most)
            children[count++] = (pid_t)atoi(entry->d_name);
    }
    closedir(folder);
    return count;
}

static void nobody_is_left(struct zygote *zygote)
{
    pid_t children[64];
    size_t count = zygote->pid > 0 ? children_of(zygote->pid, children, COUNT(children)) : 0;

    zygote_end(zygote);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    for (size_t i = 0; i < count; i++)
        assert_true(vanishes(children[i]));
}

static void a_child_gets_its_work_and_its_answer_arrives(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "echo");
    struct zygote_task task = {
        .number = -3, .input = memfd_create("file", MFD_CLOEXEC), .output_max_bytes = OUTPUT_MAX};
    struct zygote_job *job;

    assert_string_equal(do_one(unit, zygote).output, "7 a file's bytes");
    task.timeout_ms = AMPLE_MS;
    assert_true(write(task.input, "of a descriptor", 15) == 15);
    assert_granted(zygote_ask(zygote, &unit->arena, &task, &job, &unit->err), &unit->err);
    assert_string_equal(get(unit, job).output, "-3 of a descriptor");
    close(task.input);
    nobody_is_left(zygote);
}

static void how_it_ended_is_told(void **state)
{
    static const struct {
        const char *words;
        enum child_end end;
        int code;
        const char *output, *complaint;
    } cases[] = {
        {"say well", CHILD_EXITED, 0, "well", ""},
        {"", CHILD_EXITED, 0, "", ""},
        {"say because;exit 43", CHILD_EXITED, 43, "", "because"},
        {"say some;signal 11", CHILD_SIGNALLED, SIGSEGV, "", "some"},
        {"signal 6", CHILD_SIGNALLED, SIGABRT, "", ""},
        {"spin", CHILD_SIGNALLED, SIGXCPU, "", ""},
        {"flood", CHILD_OUTPUT, 0, "", ""},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct toy one;
        struct zygote *zygote = toy(&one, cases[i].words);
        struct child_result result = do_one(unit, zygote);

        assert_int_equal(result.end, cases[i].end);
        assert_int_equal(result.code, cases[i].code);
        assert_string_equal(result.output, cases[i].output);
        assert_string_equal(result.complaint, cases[i].complaint);
        if (strcmp(cases[i].words, "spin") == 0)
            assert_in_range(result.cpu_ms, 500, 3000);
        nobody_is_left(zygote);
    }
}

static void at_the_deadline_it_is_ended_and_the_zygote_goes_on(void **state)
{
    static const char *const words[] = {"rest", "spin", "say something;rest"};
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(words); i++) {
        struct toy one;
        struct zygote *zygote = toy(&one, words[i]);
        int64_t began = now_ms();
        struct child_result result = get(unit, ask(unit, zygote, SHORT_MS));
        pid_t pid = zygote->pid;

        assert_int_equal(result.end, CHILD_TIMEOUT);
        assert_in_range(now_ms() - began, SHORT_MS, AMPLE_MS / 2);
        if (strcmp(words[i], "spin") == 0)
            assert_true(result.cpu_ms > 0);
        assert_int_equal(get(unit, ask(unit, zygote, SHORT_MS)).end, CHILD_TIMEOUT);
        assert_int_equal(zygote->pid, pid);
        nobody_is_left(zygote);
    }
}

static void what_one_file_does_to_its_child_meets_no_other(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "spoil");

    for (int i = 0; i < 5; i++)
        assert_string_equal(do_one(unit, zygote).output, "clean");
    zygote = (nobody_is_left(zygote), toy(&one, "pid"));
    {
        int first = atoi(do_one(unit, zygote).output), second = atoi(do_one(unit, zygote).output);

        assert_true(first > 0 && second > 0 && first != second);
        assert_true(first != zygote->pid && second != zygote->pid);
    }
    nobody_is_left(zygote);
}

static void it_has_nothing_of_whoever_asks(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "descriptors");
    struct zygote_job *others[3];
    int leaky[8];
    char path[64];
    char environment[64];
    FILE *file;

    for (size_t i = 0; i < COUNT(leaky); i++)
        leaky[i] = open("/dev/null", O_RDONLY); /* without close-on-exec, as a careless library would */
    assert_int_equal(setenv("UNIT_SECRET", "x", 1), 0);
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = ask(unit, zygote, AMPLE_MS);
    assert_string_equal(do_one(unit, zygote).output, "null null null socket file ");
    for (size_t i = 0; i < COUNT(others); i++)
        assert_string_equal(get(unit, others[i]).output, "null null null socket file ");
    snprintf(path, sizeof path, "/proc/%d/environ", (int)zygote->pid);
    file = fopen(path, "r");
    /* Nobody may look into it but root. */
    if (file != NULL) {
        assert_null(fgets(environment, sizeof environment, file));
        fclose(file);
    }
    for (size_t i = 0; i < COUNT(leaky); i++)
        close(leaky[i]);
    nobody_is_left(zygote);
}

static void it_may_do_nothing_else(void **state)
{
    struct unit *unit = *state;
    struct toy one;
    struct zygote *zygote = toy(&one, "say nothing: ;try");

    assert_string_equal(do_one(unit, zygote).output, "nothing: ");
    nobody_is_left(zygote);
}

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
        PROMISE(a_child_gets_its_work_and_its_answer_arrives),
        PROMISE(how_it_ended_is_told),
        PROMISE(at_the_deadline_it_is_ended_and_the_zygote_goes_on),
        PROMISE(what_one_file_does_to_its_child_meets_no_other),
        PROMISE(it_has_nothing_of_whoever_asks),
        PROMISE(it_may_do_nothing_else),
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
