/*
 * All transfers of a process. Each is waited for by its coroutine, or by the process if it has no coroutines.
 * Connections are kept for later transfers. For object/s3_http only.
 */
#ifndef MAYFLY_OBJECT_S3_MULTI_H
#define MAYFLY_OBJECT_S3_MULTI_H

#include "base/coroutine.h"
#include "object/s3_curl.h"

struct s3_multi;

/* All arguments are borrowed; the coroutines may be NULL. At most `connections` are kept. */
bool s3_multi_new(struct s3_multi **, const struct libcurl *, const struct clock *, struct coroutines *,
                  int connections, struct err *) MUST_CHECK;

/* No transfer may be under way. */
void s3_multi_free(struct s3_multi *);

/*
 * Carries out the transfer of the handle and waits for its end; *code is its result. ERR_DOWN: it was given up, because
 * the request may not wait.
 */
bool s3_multi_perform(struct s3_multi *, CURL *, CURLcode *code, struct err *) MUST_CHECK;

#endif
