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

/* Makes no row. plan is borrowed until the commit, which may be ERR_LARGE as file_create. */
bool upload_whole_new(struct file_store *, struct arena *, const struct uuid *account, const struct file_plan *,
                      struct upload **, struct err *) MUST_CHECK;

/* For upload_commit: its row, together with the bytes that wait to be sent. */
bool upload_whole_commit(struct upload *, struct arena *, const char *type, struct err *) MUST_CHECK;

#endif
