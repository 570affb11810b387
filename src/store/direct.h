/*
 * A file that the client sends to the object storage by signed URLs. A worker reads it only once, to check it.
 *
 *   file_create (via "direct"): the length is promised, and counted for the account
 *   upload_begin: the row has the back end's upload before any URL is given out
 *     the client puts the parts, whose lengths are signed
 *   direct_note: notes what the client says of the parts, for storages that can't list them
 *   direct_seal: makes the object of the parts
 *   direct_check: reads the object for a while and adds it to the running hash; repeated, by any worker, until the end
 *   upload_commit
 *
 * Even a file of one part is an upload in parts. direct_seal makes its URLs invalid, so the bytes can't change after
 * the check; a URL of the object itself would stay valid.
 */
#ifndef MAYFLY_STORE_DIRECT_H
#define MAYFLY_STORE_DIRECT_H

#include "store/upload.h"

/* Whether new files can be sent this way, which needs a back end that signs URLs. */
bool direct_possible(const struct config *);

int64_t direct_parts(const struct file *);

/* A part: its number, from 1, and the ETag that the storage answered when it was put. */
struct direct_part {
    int64_t number;
    const char *tag;
};

/*
 * In the caller's transaction: notes the parts in the row. The last part with a number counts. ERR_VALUE: there is no
 * such part.
 */
bool direct_note(struct file_store *, struct arena *, const struct file *, const struct direct_part *, size_t count,
                 struct err *) MUST_CHECK;

/*
 * Makes the object of the parts: of the noted ones if they are complete and right, otherwise of those that the storage
 * lists. May be repeated, also after it succeeded. ERR_CONFLICT: a part is missing, or its ETag is not known, or the
 * storage has lost the upload.
 */
bool direct_seal(struct upload *, struct err *) MUST_CHECK;

/*
 * Reads on for about ms milliseconds, or to the end, and notes the position in the row. At the end received equals
 * size.
 */
bool direct_check(struct upload *, int64_t ms, struct err *) MUST_CHECK;

#endif
