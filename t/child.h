/* Children and commands that tests start, and what is left of them. */
#ifndef MAYFLY_T_CHILD_H
#define MAYFLY_T_CHILD_H

#include "base/child.h"
#include "base/clock.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
    AMPLE_MS = 20000, /* a busy machine is no failure */
    SHORT_MS = 300,
    OUTPUT_MAX = 100000,
    KEPT = 12, /* of what a command says */
};

static inline bool run(struct unit *unit, const char *const *argv, int input, int64_t timeout_ms,
                       struct child_result *result)
{
    const struct child child = {
        .program = argv[0], .argv = argv, .input = input, .output_max_bytes = OUTPUT_MAX, .timeout_ms = timeout_ms};

    return child_run(&child, &unit->arena, result, &unit->err);
}

static inline void shell(struct unit *unit, const char *script, int64_t timeout_ms, struct child_result *result)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(nothing >= 0);
    assert_granted(run(unit, argv, nothing, timeout_ms, result), &unit->err);
    close(nothing);
}

/* As an administrator's. */
static inline bool run_command(struct unit *unit, const char *const *argv, int64_t timeout_ms,
                               struct child_result *result)
{
    const struct child child = {.kind = CHILD_COMMAND,
                                .program = argv[0],
                                .argv = argv,
                                .input = -1,
                                .output_max_bytes = KEPT,
                                .timeout_ms = timeout_ms};

    return child_run(&child, &unit->arena, result, &unit->err);
}

static inline void command(struct unit *unit, const char *script, int64_t timeout_ms, struct child_result *result)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};

    assert_granted(run_command(unit, argv, timeout_ms, result), &unit->err);
}

static inline int64_t now_ms(void)
{
    return clock_system.monotonic_us() / 1000;
}

/* Until the orphan that has come to this process is dead, or 5 s. */
static inline bool dies(pid_t orphan)
{
    for (int i = 0; i < 500; i++) {
        if (waitpid(orphan, NULL, WNOHANG) == orphan)
            return true;
        usleep(10000);
    }
    return false;
}

/* The child itself has been reaped, and nobody else was there. */
static inline void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static inline int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

#endif
