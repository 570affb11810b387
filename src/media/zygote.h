/*
 * A program that is loaded once and forks a child without rights for each piece of work, so that nobody waits for it to
 * be loaded. A child does one piece and ends: what a stranger's file does to it meets no other file.
 *
 *   NONE --zygote_ask starts the program--> RUNNING
 *   RUNNING --it ends, or is stuck, or a child has crashed--> the next zygote_ask starts another
 *
 * One that lost a child to a crash takes no more work, finishes what it has and ends: its children share one layout of
 * memory, and whoever tries to guess it gets one guess. Work that a zygote has lost by ending is given to another one,
 * once.
 *
 * Nothing here waits, but zygote_end and zygote_attend for as long as it is told to. When this process dies the zygote
 * ends, and its children.
 */
#ifndef MAYFLY_MEDIA_ZYGOTE_H
#define MAYFLY_MEDIA_ZYGOTE_H

#include "base/arena.h"
#include "base/child.h"
#include "base/err.h"

#include <sys/types.h>

/* Those that have no more work, and end; beyond these the one that has had the longest time is killed. */
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

/* Buries those that have ended. */
void zygote_tend(struct zygote *);

/*
 * Lets go of it, and waits until it is gone; the next zygote_ask starts another. No work may be in hand, or it is given
 * to that one.
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
 * ERR_DOWN: there is no program, or it takes no more work just now. A job that is not over when the arena is reset is
 * abandoned.
 */
bool zygote_ask(struct zygote *, struct arena *, const struct zygote_task *, struct zygote_job **,
                struct err *) MUST_CHECK;

/*
 * Takes what the child has said and waits for at most wait_ms. Once it sets *over, *result is filled: what a child that
 * exited with something else than 0 said is its complaint. Not to be called again then, or after an error; ERR_DOWN
 * says that two zygotes were lost.
 */
bool zygote_attend(struct zygote_job *, int wait_ms, bool *over, struct child_result *, struct err *) MUST_CHECK;

/*
 * Readable when zygote_attend has something to do; and when it has, though nothing is to be read, by the monotonic
 * clock.
 */
int zygote_descriptor(const struct zygote_job *);
int64_t zygote_until_us(const struct zygote_job *);

#endif
