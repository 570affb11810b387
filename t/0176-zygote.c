/* A zygote: one child for each piece of work, which has nothing and may do nothing else. */
#include "zygote.h"

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

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_child_gets_its_work_and_its_answer_arrives),
        PROMISE(how_it_ended_is_told),
        PROMISE(at_the_deadline_it_is_ended_and_the_zygote_goes_on),
        PROMISE(what_one_file_does_to_its_child_meets_no_other),
        PROMISE(it_has_nothing_of_whoever_asks),
        PROMISE(it_may_do_nothing_else),
    };

    static const char bytes[] = "a file's bytes";

    readable = memfd_create("bytes", MFD_CLOEXEC);
    if (readable < 0 || write(readable, bytes, sizeof bytes - 1) != (ssize_t)sizeof bytes - 1)
        return 1;
    return KEEP_PROMISES(promises);
}
