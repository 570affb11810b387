/* Preconditions of requests (RFC 9110, section 13), evaluated here for all resources. */
#ifndef MAYFLY_HTTP_PRECONDITION_H
#define MAYFLY_HTTP_PRECONDITION_H

#include "http/request.h"

/* The validators of the current representation. */
struct validators {
    const char *tag;     /* strong, with its quotes; NULL: no tag */
    int64_t modified_ms; /* since 1970; 0: there is no date, and conditions on one are ignored (section 13.1.4) */
};

/* Whether the request has any condition, so that the representation has to be looked up. */
bool precondition_given(const struct request *);

/*
 * In the order of section 13.2.2. ERR_STALE: the method must not be performed. *same, for GET and HEAD only: the client
 * has this representation already, so the answer is 304. ERR_INPUT: a list of tags is not valid. range.h evaluates
 * If-Range.
 */
bool precondition_check(const struct request *, const struct validators *, bool *same, struct err *) MUST_CHECK;

#endif
