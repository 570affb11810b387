#ifndef MAYFLY_BASE_BASE64_H
#define MAYFLY_BASE_BASE64_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* The most bytes that length characters of base64 decode to. */
#define BASE64_DECODED_BYTES(length) ((length) / 4 * 3)

/*
 * Reads base64 with padding (RFC 4648, section 4) strictly: no white space, and unused bits are zero. False when text
 * is anything else or needs more than size bytes; *decoded is then 0. bytes may be text itself.
 */
bool base64_decode(const char *text, size_t length, void *bytes, size_t size, size_t *decoded) MUST_CHECK;

#endif
