/*
 * A program that is loaded once and forks a child without rights for each piece of work, so that no work waits for
 * loading. A child does one piece and ends, so a file that takes control of its child reaches no other file.
 *
 *   NONE --zygote_ask starts the program--> RUNNING
 *   RUNNING --it ends, or is stuck, or a child has crashed--> the next zygote_ask starts another
 *
 * A zygote that lost a child to a crash takes no more work, finishes what it has and ends: its children share one
 * layout of memory, and an attacker who tries to guess it gets one guess. Work that a zygote has lost by ending is
 * given to another one, once.
 *
 * Only zygote_end waits, and zygote_attend for the given time. When this process dies the zygote ends with its
 * children.
 */
#ifndef MAYFLY_MEDIA_ZYGOTE_H
#define MAYFLY_MEDIA_ZYGOTE_H

#include "base/arena.h"
#include "base/child.h"
#include "base/err.h"

#include <sys/types.h>

/* The number of zygotes that may be ending; beyond it the oldest one is killed. */
enum { ZYGOTE_ENDING_MAX = 4 };

struct zygote {
    const char *program;     /* a path */
    const char *const *argv; /* with argv[0], ended by NULL */
    pid_t pid;               /* 0: none */
    int socket, complaint;   /* -1 */
    pid_t ending[ZYGOTE_ENDING_MAX];
};

/* Starts nothing. program and argv are borrowed for as long as it is used. */
void zygote_init(struct zygote *, const char *program, const char *const *argv);

/* Reaps zygotes that have ended. */
void zygote_tend(struct zygote *);

/*
 * Ends the zygote, and waits until it is gone; the next zygote_ask starts another one. Work in hand would be given to
 * that one.
 */
void zygote_end(struct zygote *);

/* A piece of work. All is borrowed until it is over. */
struct zygote_task {
    int32_t number;
    int input; /* a descriptor that the child may read; -1: none */
    size_t output_max_bytes;
    int64_t timeout_ms; /* of wall-clock time */
};

struct zygote_job;

/*
 * ERR_DOWN: there is no program, or it takes no more work now. A job that is not over when the arena is reset is
 * abandoned.
 */
bool zygote_ask(struct zygote *, struct arena *, const struct zygote_task *, struct zygote_job **,
                struct err *) MUST_CHECK;

/*
 * Reads the child's output and waits for at most wait_ms. Once it sets *over, *result is filled; the output of a child
 * with another exit status than 0 is its complaint. Not to be called again then, or after an error. ERR_DOWN: two
 * zygotes were lost.
 */
bool zygote_attend(struct zygote_job *, int wait_ms, bool *over, struct child_result *, struct err *) MUST_CHECK;

/*
 * A descriptor that is readable when zygote_attend has something to do, and the time on the monotonic clock at which it
 * has, even if nothing is to be read.
 */
int zygote_descriptor(const struct zygote_job *);
int64_t zygote_until_us(const struct zygote_job *);

#endif
