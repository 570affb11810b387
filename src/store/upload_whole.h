/*
 * A file that comes in one request and fits into a block of a back end in the database. It has no row, no lease and no
 * reservation before the commit, and leaves nothing if it is not committed. It takes one transaction instead of three.
 * upload_add, upload_seal and upload_commit (store/upload.h) work with it as with any other upload.
 */
#ifndef MAYFLY_STORE_UPLOAD_WHOLE_H
#define MAYFLY_STORE_UPLOAD_WHOLE_H

#include "store/upload.h"

/* Whether files of at most so many bytes together can be sent this way; -1: the length is not known. */
bool upload_whole_fits(const struct file_store *, int64_t most);

/*
 * Makes the upload without a row. plan is borrowed until the commit. The time in its id is that of this process's
 * clock, and so is its time of creation. In lists it stands behind `before`, an earlier file of the same request; NULL:
 * it is the first.
 */
bool upload_whole_new(struct file_store *, struct arena *, const struct uuid *account, const struct file_plan *,
                      const struct upload *before, struct upload **, struct err *) MUST_CHECK;

/*
 * For upload_commit: queues its row and its bytes, which are sent with COMMIT if the request has no other files.
 * upload_whole_flush sends them now.
 */
bool upload_whole_commit(struct upload *, struct arena *, const char *type, struct err *) MUST_CHECK;
bool upload_whole_flush(struct upload *, struct arena *, struct err *) MUST_CHECK;

/*
 * After a transaction with so many bytes in so many files has failed: turns the error into ERR_LARGE, as of
 * file_create, if the account had no room for them.
 */
void upload_whole_explain(struct file_store *, struct arena *, const struct uuid *account, int64_t bytes, int64_t files,
                          struct err *);

#endif
