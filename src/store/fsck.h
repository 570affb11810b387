/*
 * Compares what the rows of files say with what the back ends have, both ways: each committed row with its object, each
 * object with its row. Both come in the order of their ids, so one pass over pages of both does, in bounded memory.
 *
 * It may run while workers serve. What seems wrong is looked at again, by itself, before it is called so, and what is
 * younger than sweep_again_s may still be on its way. Rows that wait for the sweeper are not wrong, nor are their bytes.
 */
#ifndef MAYFLY_STORE_FSCK_H
#define MAYFLY_STORE_FSCK_H

#include "store/file.h"

enum fsck_kind {
    /* Of these three repair drops thumbnails, which are made anew. */
    FSCK_LOST,       /* a committed file without its object: nothing can bring it back */
    FSCK_LENGTH,     /* the object has another length: left for somebody to look at */
    FSCK_DAMAGED,    /* the object has another SHA-256 (deep): left for somebody to look at */
    FSCK_STRANGE,    /* under a key that mayfly makes none of: left alone */
    FSCK_ORPHAN,     /* an object without a row: repair removes it */
    FSCK_UNFINISHED, /* an upload that nobody can go on with: repair removes it */
    FSCK_TAIL,       /* the last bytes of a growing file, which is whole by now: repair removes them */
    FSCK_THUMBNAIL,  /* of a file that is gone: repair drops it */
    FSCK_USAGE,      /* what an account's files take is counted wrong: repair counts anew */
};

/* Strings live for the call. */
struct fsck_finding {
    enum fsck_kind kind;
    const char *word;     /* of the kind: "lost", … */
    const char *back_end; /* "" for an account */
    const char *key;      /* the object's, or the account's id */
    const char *detail;
    bool repaired;
};

struct fsck {
    struct file_store *store;
    bool deep;   /* reads every object and checks its SHA-256 */
    bool repair; /* what can be repaired without losing anything */
    void (*found)(void *arg, const struct fsck_finding *);
    void (*progress)(void *arg, const struct fsck *); /* now and then */
    void *arg;

    /* So far. */
    int64_t files, objects, accounts, bytes_read, findings, unrepaired;
    const char *unlisted;     /* a back end that tells no keys, so nothing is known of objects without a row; NULL */
    const char *objects_only; /* one that does not tell what was not finished; NULL */
};

/* ERR_DOWN, ERR_BUG: something could not be looked at; what was found before stands. */
bool fsck_run(struct fsck *, struct err *) MUST_CHECK;

#endif
