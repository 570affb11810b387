/*
 * Asks S3: the key, the retries, and what answers mean. For object/s3 and its parts only, see object/s3.h for what it
 * promises.
 */
#ifndef MAYFLY_OBJECT_S3_CALL_H
#define MAYFLY_OBJECT_S3_CALL_H

#include "object/s3.h"
#include "object/s3_request.h"

/* Carries out a request, as often as it takes. The answer is the last one: its status 2xx, or 416 to a request for bytes. */
bool s3_call(struct s3 *, struct arena *, struct s3_request *, struct s3_answer *, struct err *) MUST_CHECK;

/* A URL of the request; asks nobody. browser: by s3_public_endpoint. */
bool s3_call_presign(struct s3 *, struct arena *, const struct s3_request *, int64_t seconds, bool browser,
                     const char **url, struct err *) MUST_CHECK;

const char *s3_call_bucket(const struct s3 *);

#endif
