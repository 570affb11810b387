/* mayfly-prove, its hooks: commands of the administrator that do something to the site, each with a time limit. */
#ifndef MAYFLY_PROVE_HOOK_H
#define MAYFLY_PROVE_HOOK_H

#include "base/child.h"
#include "prove/copies.h"
#include "prove/tally.h"

enum {
    HOOK_NAME_BYTES = 64,
    HOOK_LIMIT_S = 60, /* the time limit unless the hook has its own; a pool stops within 30 s */
    HOOK_LIMIT_MAX_S = 3600,
    HOOK_SAID_BYTES = 160, /* of its output, the last; the rest is read and dropped */
};

struct hook {
    char name[HOOK_NAME_BYTES];
    enum event_kind kind;
    int64_t limit_s;
    const char *command; /* for /bin/sh; borrowed. NULL: an action on copies of a program */
    enum copies_deed deed;
    bool restores; /* when it is over, everything runs again: the site has to recover before the next one */
};

/* [rolling:|outage:][SECONDS:]NAME=COMMAND; rolling when it does not say. ERR_INPUT says what is wrong. */
bool hook_read(const char *text, struct hook *hook, struct err *) MUST_CHECK;

enum hook_state { HOOK_NONE, HOOK_RUNNING, HOOK_DONE, HOOK_FAILED };

/* The one that is running. */
struct hook_run {
    enum hook_state state;
    int64_t limit_s;
    struct copies *copies; /* NULL: there are none */
    bool is_deed;
    struct child_running *child; /* NULL: none; in the arena */
    struct arena arena;
};

/* Initialises it without a running hook. Free it with hook_free. */
void hook_init(struct hook_run *);

/* Starts it in a process group of its own, so that ^C at a terminal does not interrupt it. */
bool hook_start(struct hook_run *, const struct hook *, struct err *) MUST_CHECK;

/* The descriptor to wait for while it runs; -1 for none. */
void hook_descriptors(const struct hook_run *, int descriptors[CHILD_DESCRIPTORS]);

/*
 * Reads its output and checks whether it has ended. After its time limit its group is killed. With HOOK_FAILED, reason
 * says why.
 */
enum hook_state hook_look(struct hook_run *, char reason[TALLY_FINDING_BYTES]);

/* Kills it, if it runs. */
void hook_free(struct hook_run *);

#endif
