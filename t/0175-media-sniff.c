/* What a worker sees of mayfly-sniff: a type, whatever the file does to the program, in a bounded time and without a trace. */
#include "media/media_sniff.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char words[] = "Just a few words of plain text.\n";
static const struct log silent = {.clock = &clock_system, .level = LOG_ERROR, .worker = "unit/1"};

static const char *sniff_by(struct unit *unit, const char *program)
{
    static char type[MEDIA_TYPE_BYTES];
    struct zygote zygote;
    struct zygote_job *job;
    struct config config;
    bool over = false;

    config_init(&config);
    snprintf(config.sniff_program, sizeof config.sniff_program, "%s", program);
    media_sniffer_init(&zygote, &config);
    assert_granted(media_sniff_start(&zygote, &unit->arena, words, sizeof words - 1, &job, &unit->err), &unit->err);
    while (!over)
        media_sniff_attend(&silent, job, 100, &over, type);
    zygote_end(&zygote);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return type;
}

/* With a program that stands in for one that misbehaves: this script. */
static const char *sniff_by_script(struct unit *unit, const char *script)
{
    char path[] = "/tmp/mayfly-unit-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    const char *type;

    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\n%s\n", script) > 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    type = sniff_by(unit, path);
    unlink(path);
    return type;
}

static void the_program_tells_a_type(void **state)
{
    assert_string_equal(sniff_by(*state, SNIFF_PROGRAM), "text/plain");
}

static void however_it_ends_there_is_a_type(void **state)
{
    static const char *const scripts[] = {
        "kill -s SEGV $$", "exit 1",
        "exit 127",        "exit 0",
        "echo 'no type'",  "exec cat /dev/zero",
        "exec sleep 60",   "sleep 60 & exec sleep 60",
    };
    static const char *const misdeeds[] = {
        "signal 11",
        "signal 9",
        "signal 24",
        "exit 1",
        "exit 127",
        "say image/png; exit 1",
        "",
        "say no type",
        "say image/png, text/html",
        "say text/html\r\nSet-Cookie: a",
        "flood",
        "rest",
        "spin",
    };

    for (size_t i = 0; i < COUNT(scripts) + COUNT(misdeeds); i++) {
        int64_t began_us = clock_system.monotonic_us();
        char script[256];

        if (i < COUNT(scripts))
            snprintf(script, sizeof script, "%s", scripts[i]);
        else
            snprintf(script, sizeof script, "exec " ZYGOTE_TOY " '%s'", misdeeds[i - COUNT(scripts)]);
        assert_string_equal(sniff_by_script(*state, script), "application/octet-stream");
        assert_true(clock_system.monotonic_us() - began_us < 10 * 1000 * 1000);
    }
    assert_string_equal(sniff_by_script(*state, "exec " ZYGOTE_TOY " 'say image/x-Thing'"), "image/x-thing");
}

static void one_that_is_not_there_is_an_error_or_no_type(void **state)
{
    assert_string_equal(sniff_by(*state, "/nowhere/mayfly-sniff"), "application/octet-stream");
}

static void looking_waits_no_longer_than_it_may(void **state)
{
    struct unit *unit = *state;
    char path[] = "/tmp/mayfly-unit-XXXXXX", type[MEDIA_TYPE_BYTES];
    int fd = mkostemp(path, O_CLOEXEC);
    struct zygote zygote;
    struct zygote_job *job;
    struct config config;
    int64_t began_us;
    bool over;

    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\nexec sleep 60\n") > 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    config_init(&config);
    strcpy(config.sniff_program, path);
    media_sniffer_init(&zygote, &config);
    assert_granted(media_sniff_start(&zygote, &unit->arena, words, sizeof words - 1, &job, &unit->err), &unit->err);
    began_us = clock_system.monotonic_us();
    media_sniff_attend(&silent, job, 0, &over, type);
    assert_false(over);
    assert_true(clock_system.monotonic_us() - began_us < 1000 * 1000);
    arena_reset(&unit->arena);
    zygote_end(&zygote);
    unlink(path);
}

static void fill(int pipe_end)
{
    static const char zeros[4096];

    assert_int_equal(fcntl(pipe_end, F_SETFL, O_NONBLOCK), 0);
    while (write(pipe_end, zeros, sizeof zeros) > 0)
        ;
    assert_int_equal(fcntl(pipe_end, F_SETFL, 0), 0);
}

/* Whether the file of this process in /proc has this line before ten seconds are over. */
static bool shows(pid_t pid, const char *name, const char *wanted)
{
    char path[64], line[256];
    bool found = false;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    for (int i = 0; i < 1000 && !found; i++) {
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        while (!found && fgets(line, sizeof line, file) != NULL)
            found = strncmp(line, wanted, strlen(wanted)) == 0;
        fclose(file);
        if (!found)
            usleep(10000);
    }
    return found;
}

/* It has found the type and waits for the reader of a full pipe. */
static void it_has_given_up_its_rights(void **state)
{
    int input = memfd_create("head", MFD_CLOEXEC), output[2];
    pid_t pid;

    (void)state;
    assert_true(write(input, words, sizeof words - 1) == sizeof words - 1);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    fill(output[1]);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(input, STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        execl(SNIFF_PROGRAM, "mayfly-sniff", (char *)NULL);
        _exit(127);
    }
    assert_true(shows(pid, "status", "Seccomp:\t2"));
    assert_true(shows(pid, "status", "NoNewPrivs:\t1"));
    assert_true(shows(pid, "limits", "Max cpu time              1  "));
    assert_true(shows(pid, "limits", "Max file size             0  "));
    assert_true(shows(pid, "limits", "Max address space         134217728  "));
    assert_true(shows(pid, "limits", "Max open files            8  "));
    close(output[0]);
    close(output[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(input);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(the_program_tells_a_type),
        PROMISE(however_it_ends_there_is_a_type),
        PROMISE(one_that_is_not_there_is_an_error_or_no_type),
        PROMISE(looking_waits_no_longer_than_it_may),
        PROMISE(it_has_given_up_its_rights),
    };

    return KEEP_PROMISES(promises);
}
