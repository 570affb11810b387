/*
 * Sends requests to S3: the key, the retries, and the meaning of answers. For object/s3 and its parts only; object/s3.h
 * has the promises.
 */
#ifndef MAYFLY_OBJECT_S3_CALL_H
#define MAYFLY_OBJECT_S3_CALL_H

#include "object/s3.h"
#include "object/s3_request.h"

/*
 * Carries out a request, with retries. The answer is the last one: its status is 2xx, or 416 for a request for bytes.
 */
bool s3_call(struct s3 *, struct arena *, struct s3_request *, struct s3_answer *, struct err *) MUST_CHECK;

/* Makes a URL of the request. browser: with s3_public_endpoint. */
bool s3_call_presign(struct s3 *, struct arena *, const struct s3_request *, int64_t seconds, bool browser,
                     const char **url, struct err *) MUST_CHECK;

const char *s3_call_bucket(const struct s3 *);

#endif
