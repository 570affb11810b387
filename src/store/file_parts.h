/*
 * Files that are made of parts (tus 1.0.0, Concatenation). A part is a sealed file via "part".
 *
 *   file_parts_join: takes the parts from the account, makes the pending file, which counts instead of them, and
 *     notes their order
 *   the bytes of the parts are read, one part after the other, and added to the file
 *   file_parts_drop: with the commit of the file
 *
 * The sweeper removes the parts of a file that is never finished, like the file.
 */
#ifndef MAYFLY_STORE_FILE_PARTS_H
#define MAYFLY_STORE_FILE_PARTS_H

#include "store/file.h"

/* The file that a request with this very Upload-Concat has made of the parts. DB_NONE: there is none. */
enum db_rc file_parts_whole(struct file_store *, struct arena *, const struct uuid *account,
                            const struct uuid *first_part, const char *concat, struct uuid *whole,
                            struct err *) MUST_CHECK;

/*
 * In the caller's transaction. Sets plan->size and plan->reserve to the length of the parts together. ERR_CONFLICT: a
 * part is gone or belongs to another file; ERR_LARGE as for file_create.
 */
bool file_parts_join(struct file_store *, struct arena *, const struct uuid *account, const struct uuid *parts,
                     size_t count, struct file_plan *plan, struct file *, struct err *) MUST_CHECK;

/* The parts that are still there, in order. */
bool file_parts_list(struct file_store *, struct arena *, const struct uuid *whole, struct file **parts, size_t *count,
                     struct err *) MUST_CHECK;

/* In the transaction that commits the whole file. */
bool file_parts_drop(struct file_store *, struct arena *, const struct uuid *whole, struct err *) MUST_CHECK;

#endif
