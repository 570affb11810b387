/*
 * Compares the rows of files with the objects in the back ends, in both directions: each committed row with its object,
 * each object with its row. Both are listed in the order of their ids, so one pass over pages of both is enough, in
 * bounded memory.
 *
 * It may run while workers serve. What seems wrong is looked up once more before it is reported, and what is younger
 * than sweep_again_s may be unfinished work. Rows that wait for the sweeper are not wrong, nor are their bytes.
 */
#ifndef MAYFLY_STORE_FSCK_H
#define MAYFLY_STORE_FSCK_H

#include "store/file.h"

enum fsck_kind {
    /* Of these three kinds, repair drops thumbnails, which are made again on request. */
    FSCK_LOST,       /* a committed file without its object; it can't be restored */
    FSCK_LENGTH,     /* the object has another length; not repaired */
    FSCK_DAMAGED,    /* the object has another SHA-256 (deep); not repaired */
    FSCK_STRANGE,    /* under a key of another form than mayfly's; left alone */
    FSCK_ORPHAN,     /* an object without a row: repair removes it */
    FSCK_UNFINISHED, /* an upload that can't be continued: repair removes it */
    FSCK_TAIL,       /* the tail of a pending file, which is committed now: repair removes it */
    FSCK_THUMBNAIL,  /* of a file that is gone: repair drops it */
    FSCK_USAGE,      /* the usage of an account is counted wrong: repair counts again */
};

/* Strings are valid during the call. */
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
    bool repair; /* repairs what can be repaired without losing data */
    void (*found)(void *arg, const struct fsck_finding *);
    void (*progress)(void *arg, const struct fsck *); /* called from time to time */
    void *arg;

    /* So far. */
    int64_t files, objects, accounts, bytes_read, findings, unrepaired;
    const char *unlisted;     /* a back end that can't list its keys, so objects without a row are not found; NULL */
    const char *objects_only; /* a back end that can't list unfinished uploads; NULL */
};

/* ERR_DOWN, ERR_BUG: something could not be checked. What was found before is valid. */
bool fsck_run(struct fsck *, struct err *) MUST_CHECK;

#endif
