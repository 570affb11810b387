/* Functions and headers that all requests of tus share. */
#ifndef MAYFLY_APP_FILE_TUS_UPLOAD_H
#define MAYFLY_APP_FILE_TUS_UPLOAD_H

#include "app/exchange.h"
#include "app/file/file_finish.h"

bool tus_number_header(struct exchange *, const char *name, int64_t number, struct err *) MUST_CHECK;
bool tus_expiry_header(struct exchange *, int64_t expires_at_ms, struct err *) MUST_CHECK;

/* ERR_STALE: the client speaks another version of tus. */
bool tus_check_version(const struct exchange *, struct err *) MUST_CHECK;

/* Whether the request has a body for an upload: application/offset+octet-stream. */
bool tus_has_chunk(const struct exchange *);

/* The upload that the path names; ERR_ABSENT when it is a direct one, whose bytes go to the storage. */
bool tus_find_upload(struct exchange *, struct file *, struct err *) MUST_CHECK;

/* Whether all bytes have come. */
bool tus_is_complete(const struct file *);

/* Adds the headers that say where the client continues, and until when. */
bool tus_answer_offset(struct exchange *, const struct file *, struct err *) MUST_CHECK;

/*
 * Finishes an upload that has all of its bytes but was not committed, because the worker that took the last ones died.
 * Then calls the answer, which may be NULL.
 */
bool tus_complete_late(struct exchange *, struct file *, file_finish_answer *, struct err *) MUST_CHECK;

#endif
