/*
 * Moves the bytes of committed files to another back end, while workers serve.
 *
 *   a row of file_copy names the new object before its first byte is written, so that the sweeper can find it
 *     blocks are copied, and their SHA-256 is compared with the row's
 *     the new object is read back, and its SHA-256 is compared too
 *     one statement: the row of the file names the new back end, unless it has changed; file_copy names the old object
 *   the sweeper removes the old object after sweep_again_s, when no request reads it any more
 *
 * A move that was stopped continues with the file that it had begun.
 */
#ifndef MAYFLY_STORE_MOVE_H
#define MAYFLY_STORE_MOVE_H

#include "store/file.h"

struct move {
    struct file_store *store;
    const struct object_ops *to;
    /* NULL: files of all accounts, and files without an account */
    const struct uuid *account;
    const struct uuid *file;                          /* NULL: all files */
    void (*progress)(void *arg, const struct move *); /* now and then */
    /* called for a file that was not moved, with the reason */
    void (*left)(void *arg, const char *id, const struct err *);
    void *arg;

    /* So far. */
    int64_t moved, moved_bytes, stayed;
};

/* ERR_DOWN: a back end or the database can't be reached. Files that were moved stay moved. */
bool move_run(struct move *, struct err *) MUST_CHECK;

#endif
