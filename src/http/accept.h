/* Which representation a client asks for (RFC 9110, section 12.5.1). */
#ifndef MAYFLY_HTTP_ACCEPT_H
#define MAYFLY_HTTP_ACCEPT_H

#include <stdbool.h>

/*
 * Whether Accept ("" for none) asks for a page rather than for JSON: by the q of what names them most exactly. When both are as
 * welcome, JSON is sent unless text/html is named, and before any JSON. nginx/mayfly.conf decides alike; t/4560 compares.
 */
bool accept_page(const char *accept);

/* Whether it asks for plain text rather than for either: only when it is named. */
bool accept_text(const char *accept);

#endif
