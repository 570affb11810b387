/* What the page /files shows of an account's files: values for src/page/files.html. */
#ifndef MAYFLY_APP_FILES_PAGE_H
#define MAYFLY_APP_FILES_PAGE_H

#include "app/exchange.h"

/* Adds the files that the query asks for (q, before), and how much room is left. ERR_VALUE: the query is wrong. */
bool files_page_fill(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* Adds the link that the body {"url", "expires_at"} of the response tells of, as an address to be given to others. */
bool files_page_fill_link(struct exchange *, json_t *values, struct err *) MUST_CHECK;

#endif
