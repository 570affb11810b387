/*
 * The file or the upload that a request is about. Those of other accounts are ERR_ABSENT, like those that do not exist.
 */
#ifndef MAYFLY_APP_FILE_FILE_LOOKUP_H
#define MAYFLY_APP_FILE_FILE_LOOKUP_H

#include "app/exchange.h"
#include "store/upload.h"

/* The id in the path. ERR_ABSENT: it is not an id. */
bool file_lookup_id(const struct exchange *, struct uuid *, struct err *) MUST_CHECK;

/* The committed file that the path names. */
bool file_lookup(struct exchange *, struct file *, struct err *) MUST_CHECK;

/* The same, with the content of a small file (file_find_small in store/file.h). */
bool file_lookup_small(struct exchange *, struct file *, struct err *) MUST_CHECK;

/* An upload, pending or committed. */
bool file_lookup_upload(struct exchange *, const struct uuid *, struct file *, struct err *) MUST_CHECK;

/* A pending upload with its lease: upload_open of store/upload.h, with ERR_ABSENT when there is none. */
bool file_lookup_lease(struct exchange *, const struct uuid *, struct upload **, struct err *) MUST_CHECK;

#endif
