/*
 * Moves the bytes of committed files to another back end, while workers serve.
 *
 *   a row of file_copy names the new bytes before the first is written, so the sweeper knows them whatever happens
 *     blocks are copied, and their SHA-256 is compared with the row's
 *     the new object is read back, and its SHA-256 compared too
 *     one statement: the file's row names the new back end, if it is what it was, and file_copy the old bytes
 *   the sweeper removes the old ones after sweep_again_s, when nobody reads them any more
 *
 * Whoever is stopped begins again where he was, with the file that he was at.
 */
#ifndef MAYFLY_STORE_MOVE_H
#define MAYFLY_STORE_MOVE_H

#include "store/file.h"

struct move {
    struct file_store *store;
    const struct object_ops *to;
    const struct uuid *account;                                  /* NULL: files of all, also those of nobody */
    const struct uuid *file;                                     /* NULL: all files */
    void (*progress)(void *arg, const struct move *);            /* now and then */
    void (*left)(void *arg, const char *id, const struct err *); /* a file that stays where it is, and why */
    void *arg;

    /* So far. */
    int64_t moved, moved_bytes, stayed;
};

/* ERR_DOWN: a back end or the database is away; what was moved stays moved. */
bool move_run(struct move *, struct err *) MUST_CHECK;

#endif
