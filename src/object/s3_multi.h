/*
 * libcurl's transfers of one process, any number at a time, each waited for by the coroutine that asked for it (or by the
 * process, where there are none). Connections are kept from one to the next. For object/s3_http only.
 */
#ifndef MAYFLY_OBJECT_S3_MULTI_H
#define MAYFLY_OBJECT_S3_MULTI_H

#include "base/coroutine.h"
#include "object/s3_curl.h"

struct s3_multi;

/* All is borrowed; the coroutines may be NULL. At most `connections` are kept. */
bool s3_multi_new(struct s3_multi **, const struct libcurl *, const struct clock *, struct coroutines *,
                  int connections, struct err *) MUST_CHECK;

/* No transfer may be in hand. */
void s3_multi_free(struct s3_multi *);

/*
 * Carries out what the handle is set up for and waits for its end; *code says how it ended. ERR_DOWN: it was given up, since
 * nobody can wait for it.
 */
bool s3_multi_perform(struct s3_multi *, CURL *, CURLcode *code, struct err *) MUST_CHECK;

#endif
