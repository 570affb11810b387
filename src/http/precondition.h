/* Preconditions of requests (RFC 9110, section 13): the one place that evaluates them, for all resources. */
#ifndef MAYFLY_HTTP_PRECONDITION_H
#define MAYFLY_HTTP_PRECONDITION_H

#include "http/request.h"

/* By what a client may know the representation that is there now. */
struct validators {
    const char *tag;     /* strong, with its quotes; NULL: there is none */
    int64_t modified_ms; /* since 1970; 0: there is no date, and conditions on one are ignored (section 13.1.4) */
};

/* Whether the request has any condition, so that what it may depend on has to be looked up. */
bool precondition_given(const struct request *);

/*
 * In the order of section 13.2.2. ERR_STALE: the method must not be performed. *same, of GET and HEAD only: the client has this
 * representation already, so the answer is 304. ERR_INPUT: a list of tags can't be understood. If-Range is range.h's.
 */
bool precondition_check(const struct request *, const struct validators *, bool *same, struct err *) MUST_CHECK;

#endif
