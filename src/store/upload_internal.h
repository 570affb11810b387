/* What the files upload*.c share. Everybody else uses store/upload.h. */
#ifndef MAYFLY_STORE_UPLOAD_INTERNAL_H
#define MAYFLY_STORE_UPLOAD_INTERNAL_H

#include "store/upload.h"

/* --- upload.c */

/* Memory for an upload. It is freed with the arena. */
bool upload_alloc(struct file_store *, struct arena *, struct upload **, struct err *) MUST_CHECK;

int64_t upload_now_us(const struct upload *);

/* Whether the objects of this back end are rows: they are then written in the transactions of the file's own row. */
bool upload_in_database(const struct upload *);

/* Whether no later request can continue this upload. Its row then needs no hash and no tail. */
bool upload_ends_with_request(const struct upload *);

/* Where the block in memory begins in the file. */
int64_t upload_block_start(const struct upload *);

/*
 * Sets ERR_LOCKED and returns false, after a statement that found no row with this upload's lease. An error that is set
 * already stays.
 */
bool upload_lost(struct err *);

/* Extends the lease. */
bool upload_renew(struct upload *, struct err *) MUST_CHECK;

/* --- upload_block.c */

/* Room for so many bytes of the block. */
bool upload_make_room(struct upload *, size_t bytes, struct err *) MUST_CHECK;
void upload_free_block(struct upload *);

/* Makes the account's usage count the bytes that have come. ERR_LARGE: the account has no room for them. */
bool upload_reserve(struct upload *, struct err *) MUST_CHECK;

/* Gives the block to the back end and notes it in the row. */
bool upload_send_block(struct upload *, struct err *) MUST_CHECK;

/*
 * Turns an error of the back end into the upload's: upload_give_up when the storage has lost the upload. Returns false.
 */
bool upload_refused(struct upload *, const struct err *reason, struct err *);

#endif
