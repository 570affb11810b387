/* Runs another program to its end, within bounds, and leaves nothing of it behind. */
#ifndef MAYFLY_BASE_CHILD_H
#define MAYFLY_BASE_CHILD_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    /* What is kept of a child's standard error: its first complaint. The rest is read and dropped. */
    CHILD_COMPLAINT_BYTES = 256,
    CHILD_DESCRIPTORS = 3,
};

/* Two kinds of programs are run. */
enum child_kind {
    CHILD_HELPER,  /* ours: it gets nothing but its input, and nothing of it outlives its end or this process */
    CHILD_COMMAND, /* an administrator's: it gets our environment, and what it leaves running when it ends goes on */
};

/* What to run. Strings are borrowed for the call. */
struct child {
    enum child_kind kind;
    const char *program;     /* a path; PATH is not searched */
    const char *const *argv; /* with argv[0], ended by NULL */
    int input;               /* becomes its standard input; stays open here. -1: nothing, as in /dev/null */
    size_t output_max_bytes; /* a helper's output: a byte more ends it. A command's: what is kept of the end */
    int64_t timeout_ms;      /* of wall-clock time, from the start to its end */
};

enum child_end {
    CHILD_EXITED,    /* by itself; code is its exit status */
    CHILD_SIGNALLED, /* by a signal that was not ours; code is its number */
    CHILD_TIMEOUT,   /* it was killed at the deadline */
    CHILD_OUTPUT,    /* it was killed because it said too much */
};

struct child_result {
    enum child_end end;
    int code;
    const char *output; /* in the arena, with a NUL behind it; of a command its standard error too, as it came */
    size_t output_length;
    int64_t cpu_ms;                        /* computing time, of the program and of what it waited for */
    char complaint[CHILD_COMPLAINT_BYTES]; /* a helper's: the first line on its standard error, or "" */
};

/*
 * The program gets descriptors 0, 1 and 2 and no other, a process group of its own, no blocked signal and each signal's
 * default action; a helper gets an empty environment. At the deadline its group is killed. When a helper has ended, what is
 * left of its group is killed; when this process dies meanwhile, the kernel kills the helper. A helper that can't be started is
 * ERR_DOWN, as is a failing call of the system; how a program that was started ended is in the result. A command that can't be
 * started exits with 127, as in a shell.
 */
bool child_run(const struct child *, struct arena *, struct child_result *, struct err *) MUST_CHECK;

/*
 * The same in steps, for whoever has other things to do meanwhile. child_attend takes what the child says and waits for at
 * most wait_ms; once it sets *over, *result is filled, and after an error too nothing of the child is left. It is not to be
 * called again then. A child that is not over when the arena is reset is killed.
 */
struct child_running;
bool child_start(const struct child *, struct arena *, struct child_running **, struct err *) MUST_CHECK;
bool child_attend(struct child_running *, int wait_ms, bool *over, struct child_result *, struct err *) MUST_CHECK;

/*
 * Only starts it: its output and its complaints go to these descriptors, which stay open here. Whoever calls has to reap it. False with errno.
 */
bool child_spawn(const struct child *, int output, int complaint, pid_t *) MUST_CHECK;

/* Where there is something to read when child_attend has something to do; -1 for none. */
void child_descriptors(const struct child_running *, int descriptors[CHILD_DESCRIPTORS]);

#endif
