/* What all that makes files has in common: the end of an upload, and what is told of a file. */
#ifndef MAYFLY_APP_FILE_FILE_ANSWER_H
#define MAYFLY_APP_FILE_FILE_ANSWER_H

#include "app/exchange.h"
#include "media/media_type.h"
#include "store/upload.h"

/* Adds {"id", "url", "name", "size", "type", "sha256", "created_at"} of a committed file. */
bool file_answer_add(struct buf *, const struct file *, struct err *) MUST_CHECK;

/* What is to be told of an upload once it is complete. */
typedef bool file_answer_then(struct exchange *, const struct file *, struct err *);

/*
 * All bytes are there: seals the upload and commits it, with its type; then tells. A part of another file is only sealed; the
 * parts of this one are dropped. While the type is looked for, the exchange has a job, which does the rest.
 */
bool file_answer_complete(struct exchange *, struct upload *, file_answer_then *, struct err *) MUST_CHECK;

/* The same of a sealed upload; ERR_LOGIN when the session has ended meanwhile. */
bool file_answer_commit(struct exchange *, struct upload *, file_answer_then *, struct err *) MUST_CHECK;

/* An upload of this account, pending or committed, and the lease of a pending one; ERR_ABSENT when there is none. */
bool file_answer_upload(struct exchange *, const struct uuid *, struct file *, struct err *) MUST_CHECK;
bool file_answer_open(struct exchange *, const struct uuid *, struct upload **, struct err *) MUST_CHECK;

/* The id in the path; ERR_ABSENT when it is none, as for a file of somebody else. */
bool file_answer_id(const struct exchange *, struct uuid *, struct err *) MUST_CHECK;

/* The committed file of this account that the path names; ERR_ABSENT when there is none. */
bool file_answer_find(struct exchange *, struct file *, struct err *) MUST_CHECK;

/* The same, with its content when it is small: store/file.h. */
bool file_answer_find_small(struct exchange *, struct file *, struct err *) MUST_CHECK;

#endif
