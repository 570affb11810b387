/* The one place where an error becomes a status and a public text: problem+json (RFC 9457) with `error` beside it. */
#ifndef MAYFLY_HTTP_PROBLEM_H
#define MAYFLY_HTTP_PROBLEM_H

#include "http/response.h"

struct problem {
    int status;
    const char *title;
    const char *detail; /* what to do; never an internal matter */
    const char *field;  /* which member of the input is meant, or "" */
};

/* detail and field are borrowed from err or constant. */
struct problem problem_of(const struct err *);

/* Fills an initialised response: status, Retry-After, the JSON. Can't fail: what does not fit is left out. */
void problem_render(const struct err *, struct response *);

/* Retry-After where the error asks to come again. */
bool problem_headers(const struct err *, struct response *, struct err *failure) MUST_CHECK;

#endif
