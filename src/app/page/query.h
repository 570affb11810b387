/* Fields of a request's query. Unknown fields are ignored, since other programs add some to links. */
#ifndef MAYFLY_APP_PAGE_QUERY_H
#define MAYFLY_APP_PAGE_QUERY_H

#include "app/exchange.h"

/* For the API: NULL when the field is missing. ERR_INPUT: it is there twice or can't be read. */
bool query_text(struct exchange *, const char *name, const char **text, struct err *) MUST_CHECK;

/* For pages, which open with any query: the first field of this name that can be read, or NULL. */
const char *query_page_text(struct exchange *, const char *name);

#endif
