/* Which representation a client asks for (RFC 9110, section 12.5.1). */
#ifndef MAYFLY_HTTP_ACCEPT_H
#define MAYFLY_HTTP_ACCEPT_H

#include <stdbool.h>

/*
 * Whether Accept ("" for none) prefers a page to JSON: by the q of the range that names each most exactly. At the same
 * q JSON is sent, unless text/html is named, and named before any JSON. nginx/mayfly.conf decides the same way; t/4560
 * compares.
 */
bool accept_page(const char *accept);

/* Whether it prefers plain text to both, which it has to name. */
bool accept_text(const char *accept);

#endif
