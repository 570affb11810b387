/* The Basic scheme of Authorization (RFC 7617). */
#ifndef MAYFLY_HTTP_BASIC_H
#define MAYFLY_HTTP_BASIC_H

#include "base/arena.h"
#include "base/err.h"

struct basic {
    const char *name; /* well-formed UTF-8 without control characters; in the arena, as the password is */
    const char *password;
};

/* Reads Basic with a name and a password. False without an error: it is something else; with one: memory is out. */
bool basic_read(struct arena *, const char *authorization, struct basic *, struct err *) MUST_CHECK;

#endif
