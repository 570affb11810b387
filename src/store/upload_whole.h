/*
 * A file that comes as a whole in one request and fits into a block of a back end in the database: it has no row, no lease and no
 * reservation before it is committed, and nothing of it is left when it is not. So it takes one transaction instead of three.
 * upload_add, upload_seal and upload_commit (store/upload.h) do with it as with any other.
 */
#ifndef MAYFLY_STORE_UPLOAD_WHOLE_H
#define MAYFLY_STORE_UPLOAD_WHOLE_H

#include "store/upload.h"

/* Whether files of at most so many bytes together can come so; -1: nobody knows. */
bool upload_whole_fits(const struct file_store *, int64_t most);

/*
 * Makes no row. plan is borrowed until the commit. It was made now, by this process's clock, as its id says as well. In lists it comes
 * behind `before`, an earlier file of the same request; NULL: it is the first.
 */
bool upload_whole_new(struct file_store *, struct arena *, const struct uuid *account, const struct file_plan *,
                      const struct upload *before, struct upload **, struct err *) MUST_CHECK;

/*
 * For upload_commit: its row and its bytes wait to be sent, with the COMMIT where there are no others. upload_whole_flush sends
 * those of one file of several.
 */
bool upload_whole_commit(struct upload *, struct arena *, const char *type, struct err *) MUST_CHECK;
bool upload_whole_flush(struct upload *, struct arena *, struct err *) MUST_CHECK;

/* After a transaction that failed with so many bytes in so many files: says so when that was for want of room, as file_create does. */
void upload_whole_explain(struct file_store *, struct arena *, const struct uuid *account, int64_t bytes, int64_t files,
                          struct err *);

#endif
