/*
 * How a worker is replaced without a pause. multiwatch starts another process only when one has ended, and until that
 * one serves its pool is deaf. So a worker whose time has come forks: the child goes on serving, and the parent, whose
 * end multiwatch would notice, executes the program anew.
 *
 *   SERVING --successor_begin--> in the child: LEAVING, which serves on until successor_waits is false, answers what it
 *                                has in hand, ends
 *                                in the parent: execve(2) --successor_take--> STARTING --successor_ready--> SERVING
 *
 * The one waits for the other's word in a pipe; when the new one ends without a word, the pipe's end is the word. What
 * is in hand must not depend on another process or thread then, since those stay the parent's (turns_are_alone).
 */
#ifndef MAYFLY_WORKER_SUCCESSOR_H
#define MAYFLY_WORKER_SUCCESSOR_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Of a process that nobody has started this way: the first, and nobody waits for its word. */
struct successor {
    char **argv;   /* main's, borrowed */
    int word_fd;   /* LEAVING: where the word comes, STARTING: where it goes; else -1 */
    pid_t leaving; /* of the predecessor; 0: there was none, or all that there were have ended */
};

/* At the beginning of main: finds out who is waited for by whom. */
void successor_take(struct successor *, char **argv);

/*
 * True: this is the child, which is LEAVING. The parent returns only when it can't fork (ERR_DOWN); when it can't
 * execute it ends, as a worker that can't start does.
 */
bool successor_begin(struct successor *, struct err *) MUST_CHECK;

/* Tells the predecessor, if there is one, that its work is taken over. */
void successor_ready(struct successor *);

/* LEAVING: whether the word is still to come; and no longer waits for it. */
bool successor_waits(const struct successor *);
void successor_leave(struct successor *);

/*
 * Buries predecessors that have ended, of which a process that has been replaced often may have several; does not wait
 * for them.
 */
void successor_reap(struct successor *);

#endif
