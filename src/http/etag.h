/* Entity tags (RFC 9110, section 8.8.3): those of version numbers, and lists of them. */
#ifndef MAYFLY_HTTP_ETAG_H
#define MAYFLY_HTTP_ETAG_H

#include "base/err.h"

enum { ETAG_BYTES = 24 };

/* The tag of a resource that has a version number. */
void etag_format(int64_t version, char tag[ETAG_BYTES]);

enum etag_comparison {
    ETAG_STRONG, /* If-Match: a weak tag never matches */
    ETAG_WEAK,   /* If-None-Match: W/ is ignored */
};

/*
 * Whether the list of the header `name` has this strong tag, with its quotes; NULL: the resource has no tag. "*"
 * matches any resource that exists. ERR_INPUT when the list is not valid.
 */
bool etag_listed(const char *name, const char *list, const char *tag, enum etag_comparison, bool *listed,
                 struct err *) MUST_CHECK;

#endif
