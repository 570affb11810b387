/* Entity tags that are version numbers, and the preconditions on them (RFC 9110, section 13.1). */
#ifndef MAYFLY_HTTP_ETAG_H
#define MAYFLY_HTTP_ETAG_H

#include "base/err.h"

enum { ETAG_BYTES = 24 };

void etag_format(int64_t version, char tag[ETAG_BYTES]);

/*
 * Whether a header's list of tags, or "*" (which needs that something is there), has this version. ERR_INPUT when the
 * list can't be understood. weak: W/"…" compares too, as If-None-Match wants; If-Match compares strongly.
 */
bool etag_listed(const char *list, int64_t version, bool weak, bool *listed, struct err *) MUST_CHECK;

#endif
