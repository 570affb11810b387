/* Runs another program to its end, within bounds. */
#ifndef MAYFLY_BASE_CHILD_H
#define MAYFLY_BASE_CHILD_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    /* The part of a child's standard error that is kept: its first line. The rest is read and dropped. */
    CHILD_COMPLAINT_BYTES = 256,
    CHILD_DESCRIPTORS = 3,
};

/* Two kinds of programs are run. */
enum child_kind {
    CHILD_HELPER, /* a program of ours: it gets only its input, and no process of it outlives its end or this process */
    /* a command of the administrator: it gets our environment, and processes that it leaves running continue */
    CHILD_COMMAND,
};

/* What to run. Strings are borrowed for the call. */
struct child {
    enum child_kind kind;
    const char *program;     /* a path; PATH is not searched */
    const char *const *argv; /* with argv[0], ended by NULL */
    int input;               /* becomes its standard input; stays open here. -1: nothing, as in /dev/null */
    size_t output_max_bytes; /* a helper that writes more is killed; of a command so much of the end is kept */
    int64_t timeout_ms;      /* of wall-clock time, from the start to its end */
};

enum child_end {
    CHILD_EXITED,    /* it ended by itself; code is its exit status */
    CHILD_SIGNALLED, /* a signal that was not ours ended it; code is its number */
    CHILD_TIMEOUT,   /* it was killed at the deadline */
    CHILD_OUTPUT,    /* it was killed because it wrote too much */
};

struct child_result {
    enum child_end end;
    int code;
    const char *output; /* in the arena, followed by a NUL; of a command with its standard error */
    size_t output_length;
    int64_t cpu_ms;                        /* computing time, of the program and of what it waited for */
    char complaint[CHILD_COMPLAINT_BYTES]; /* of a helper: the first line of its standard error, or "" */
};

/*
 * The program gets descriptors 0, 1 and 2 and no other, a process group of its own, no blocked signal and each signal's
 * default action; a helper gets an empty environment. At the deadline its group is killed. When a helper has ended,
 * what is left of its group is killed; when this process dies meanwhile, the kernel kills the helper. A helper that
 * can't be started is ERR_DOWN, as is a failing call of the system; how a program that was started ended is in the
 * result. A command that can't be started exits with 127, as in a shell.
 */
bool child_run(const struct child *, struct arena *, struct child_result *, struct err *) MUST_CHECK;

/*
 * The same in steps, for a caller that has other things to do meanwhile. child_attend reads what the child writes and
 * waits for at most wait_ms. Once it sets *over, *result is filled and nothing of the child is left; the same after an
 * error. It must not be called again then. A child that is not over when the arena is reset is killed.
 */
struct child_running;
bool child_start(const struct child *, struct arena *, struct child_running **, struct err *) MUST_CHECK;
bool child_attend(struct child_running *, int wait_ms, bool *over, struct child_result *, struct err *) MUST_CHECK;

/*
 * Only starts it. Its output and its standard error go to these descriptors, which stay open here; the caller has to
 * reap it. False with errno set.
 */
bool child_spawn(const struct child *, int output, int complaint, pid_t *) MUST_CHECK;

/* A descriptor that is readable when child_attend has something to do; -1 for none. */
void child_descriptors(const struct child_running *, int descriptors[CHILD_DESCRIPTORS]);

#endif
