/*
 * 16-byte identifiers ordered by time (RFC 9562, version 7), so that an index grows at its end and an id tells its day.
 */
#ifndef MAYFLY_BASE_UUID_H
#define MAYFLY_BASE_UUID_H

#include "base/clock.h"

#include <stdbool.h>

enum { UUID_BYTES = 16, UUID_TEXT_BYTES = 37 /* with the NUL */ };

struct uuid {
    unsigned char bytes[UUID_BYTES];
};

struct uuid uuid_new(const struct clock *);

/* The same, and it sorts after `before` though both may be of one millisecond (RFC 9562, section 6.2, method 1). */
struct uuid uuid_after(const struct clock *, const struct uuid *before);

/* Lower-case text with hyphens, NUL-terminated. */
void uuid_format(const struct uuid *, char text[UUID_TEXT_BYTES]);

/* Reads the 36-character form only; false leaves *uuid unchanged. */
bool uuid_parse(const char *text, struct uuid *uuid);

/* When it was made, in ms since 1970. */
int64_t uuid_ms(const struct uuid *);

bool uuid_equal(const struct uuid *, const struct uuid *);

#endif
