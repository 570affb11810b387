/* Percent-encoding (RFC 3986, section 2.1). */
#ifndef MAYFLY_BASE_PERCENT_H
#define MAYFLY_BASE_PERCENT_H

#include "base/buf.h"

/* The byte that the %XX at text stands for; -1 when the left bytes do not begin with one. */
int percent_byte(const char *text, size_t left);

/* Writes %XX for a byte: three characters and no NUL. */
void percent_write(unsigned char byte, char text[3]);

/* Adds text with each byte as %XX, except for unreserved characters (RFC 3986) and those in also. */
bool percent_add(struct buf *, const char *text, const char *also) MUST_CHECK;

#endif
