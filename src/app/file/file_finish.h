/* The end of an upload that has all of its bytes: it is sealed, its type is found, it is committed and answered. */
#ifndef MAYFLY_APP_FILE_FILE_FINISH_H
#define MAYFLY_APP_FILE_FILE_FINISH_H

#include "app/exchange.h"
#include "store/upload.h"

/* Fills the response with what the client is told of the file. */
typedef bool file_finish_answer(struct exchange *, const struct file *, struct err *);

/*
 * Seals and commits the upload, drops the parts that it was made of, and calls the answer, which may be NULL. A part of
 * another file is only sealed. Finding the type may take a child process: the exchange then has a job, which does the
 * rest.
 */
bool file_finish(struct exchange *, struct upload *, file_finish_answer *, struct err *) MUST_CHECK;

/* The same for an upload that is sealed. ERR_LOGIN: the session has ended meanwhile. */
bool file_finish_sealed(struct exchange *, struct upload *, file_finish_answer *, struct err *) MUST_CHECK;

#endif
