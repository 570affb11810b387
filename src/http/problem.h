/* Turns an error into a status and a public text, here alone: problem+json (RFC 9457) with a member `error`. */
#ifndef MAYFLY_HTTP_PROBLEM_H
#define MAYFLY_HTTP_PROBLEM_H

#include "http/response.h"

struct problem {
    int status;
    const char *title;
    const char *detail; /* what to do; never internal information */
    const char *field;  /* the member of the input, or "" */
};

/* detail and field are borrowed from err or constant. */
struct problem problem_of(const struct err *);

/* Fills an initialised response: status, Retry-After, the JSON. Can't fail: a member that does not fit is left out. */
void problem_render(const struct err *, struct response *);

/* Adds Retry-After when the error says when to try again. */
bool problem_headers(const struct err *, struct response *, struct err *failure) MUST_CHECK;

#endif
