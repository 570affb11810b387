/* The fields of a request's query that a handler knows. Links get others by whoever passes them on; those are not looked at. */
#ifndef MAYFLY_APP_PAGE_QUERY_H
#define MAYFLY_APP_PAGE_QUERY_H

#include "app/exchange.h"

/* For programs: NULL when it is not there, ERR_INPUT when it is there twice or can't be read. */
bool query_text(struct exchange *, const char *name, const char **text, struct err *) MUST_CHECK;

/* For pages, which open whatever their address has: the first that can be read, or NULL. */
const char *query_page_text(struct exchange *, const char *name);

#endif
