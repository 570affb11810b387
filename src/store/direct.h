/*
 * A file whose bytes go from the client to the object storage by signed URLs, and pass no worker but once, to be checked.
 *
 *   file_create (via "direct"; its length is promised and counted for the account)
 *   upload_begin: the row knows the back end's upload before a URL is given out
 *     the client puts the parts, whose lengths are signed
 *   direct_note: what the client says of them, for storages that do not tell
 *   direct_seal: all parts are there, the object is made of them
 *   direct_check: reads on for a while and takes the bytes into the running hash; again and again, on any worker
 *   upload_commit
 *
 * Even one part is an upload in parts: its URLs end with direct_seal, so nobody can change what was checked. A URL of the
 * object itself would go on working.
 */
#ifndef MAYFLY_STORE_DIRECT_H
#define MAYFLY_STORE_DIRECT_H

#include "store/upload.h"

/* Whether new files can come this way: the back end signs URLs. */
bool direct_possible(const struct config *);

int64_t direct_parts(const struct file *);

/* A part by its number, from 1, and its ETag as the storage gave it when it was put. */
struct direct_part {
    int64_t number;
    const char *tag;
};

/* Notes them in the row, in the caller's transaction; the last one with a number counts. ERR_VALUE: there is no such one. */
bool direct_note(struct file_store *, struct arena *, const struct file *, const struct direct_part *, size_t count,
                 struct err *) MUST_CHECK;

/*
 * Makes the object of the parts: those that were noted, when it is all of them and they are right, else those that the
 * storage tells of. May be repeated, also when it was done. ERR_CONFLICT: a part is not there yet, or nobody tells of it, or
 * the storage knows nothing of the upload any more.
 */
bool direct_seal(struct upload *, struct err *) MUST_CHECK;

/* Reads and notes in the row how far it came, for about ms milliseconds or to the end: then received is size. */
bool direct_check(struct upload *, int64_t ms, struct err *) MUST_CHECK;

#endif
