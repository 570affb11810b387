/*
 * Replaces a worker without a pause. multiwatch starts another process only when one has ended, and until the new one
 * serves, its pool answers nothing. So a worker whose time has come forks: the child continues to serve, and the
 * parent, whose end multiwatch would notice, executes the program anew.
 *
 *   SERVING --successor_begin--> in the child: LEAVING, which serves on until successor_waits is false, answers what it
 *                                has in hand, ends
 *                                in the parent: execve(2) --successor_take--> STARTING --successor_ready--> SERVING
 *
 * The child waits for a message from the new program in a pipe. If the new program ends without a message, the pipe is
 * closed, which counts as the message. No request in hand may depend on another process or thread at the fork, since
 * those stay the parent's (turns_are_alone).
 */
#ifndef MAYFLY_WORKER_SUCCESSOR_H
#define MAYFLY_WORKER_SUCCESSOR_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* For a process that was not started this way: it is the first one, and no process waits for its message. */
struct successor {
    char **argv;   /* main's, borrowed */
    int word_fd;   /* LEAVING: the end of the pipe that is read, STARTING: the end that is written; else -1 */
    pid_t leaving; /* of the predecessor; 0: there was none, or all of them have ended */
};

/* Called at the beginning of main: reads whether this process has a predecessor that waits. */
void successor_take(struct successor *, char **argv);

/*
 * True: this is the child, which is LEAVING. The parent returns only when it can't fork (ERR_DOWN); when it can't
 * execute it ends, as a worker that can't start does.
 */
bool successor_begin(struct successor *, struct err *) MUST_CHECK;

/* Sends the message to the predecessor, if there is one. */
void successor_ready(struct successor *);

/* LEAVING: successor_waits tells whether the message is still to come; the other function stops waiting for it. */
bool successor_waits(const struct successor *);
void successor_leave(struct successor *);

/* Reaps predecessors that have ended, without waiting. A process that was replaced often may have several. */
void successor_reap(struct successor *);

#endif
