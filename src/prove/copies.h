/*
 * mayfly-prove --command: copies of a program, each on a port of its own, behind a round robin, and what is done to
 * them while they are used. A round robin needs no process here: each request is sent to the next copy.
 */
#ifndef MAYFLY_PROVE_COPIES_H
#define MAYFLY_PROVE_COPIES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { COPIES_DEFAULT = 2, COPIES_MAX = 16, COPIES_WHY_BYTES = 200 };

enum copies_deed {
    COPIES_REPLACE_EACH, /* each in turn gets no more requests, ends, and is started again */
    COPIES_KILL_ONE,     /* and starts it again */
    COPIES_STOP_ONE,     /* TERM while it has requests; it is stopped for a second */
    COPIES_KILL_ALL,     /* at once, and starts them again */
    COPIES_RESTART_ALL,  /* the same with TERM */
    COPIES_DEEDS
};

struct copies;

/*
 * Starts count copies of the command, for sh as exec env COMMAND with PORT in its environment, and waits until each
 * accepts connections. ERR_DOWN says which does not, with the last line it wrote. Free it with copies_free, which ends
 * them.
 */
bool copies_start(struct copies **, const char *command, size_t count, struct err *) MUST_CHECK;
void copies_free(struct copies *);

size_t copies_count(const struct copies *);

/* The copy whose turn it is; copies_done when its answer is there, or none. */
size_t copies_next(struct copies *);
/* Another one, to which nothing was connected yet; the same when there is only one. */
size_t copies_other(struct copies *, size_t copy);
void copies_done(struct copies *, size_t copy);

/* Where it listens, as libcurl's CURLOPT_CONNECT_TO has it; and its name, copy-NUMBER/PID. */
void copies_peer(const struct copies *, size_t copy, char *text, size_t size);
void copies_name(const struct copies *, size_t copy, char *text, size_t size);

/* Begins an action, whose steps copies_look carries out when they are due. */
void copies_begin(struct copies *, enum copies_deed);

/* 0: it is not done yet; 1: it is done; -1: it failed, and why says what did. */
int copies_look(struct copies *, char why[COPIES_WHY_BYTES]);

const char *copies_deed_word(enum copies_deed);

#endif
