/* Writing JSON strings without building a tree: for log lines and for small fixed answers. */
#ifndef MAYFLY_BASE_JSON_TEXT_H
#define MAYFLY_BASE_JSON_TEXT_H

#include <stddef.h>

/*
 * Writes text as a quoted JSON string (RFC 8259) into out, NUL-terminated, cut at a whole character when it does not
 * fit; bytes that are not UTF-8 become U+FFFD. Returns the length written. size is at least 3.
 */
size_t json_text_quote(char *out, size_t size, const char *text);

#endif
