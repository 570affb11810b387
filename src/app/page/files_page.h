/* Values for the pages of files: src/page/files.html and links.html. */
#ifndef MAYFLY_APP_PAGE_FILES_PAGE_H
#define MAYFLY_APP_PAGE_FILES_PAGE_H

#include "app/exchange.h"

/* Adds the files that the query asks for (q, before), and how much room is left. ERR_VALUE: the query is wrong. */
bool files_page_fill(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* Adds the link in the response's body {"url", "expires_at"}, as a full address. */
bool files_page_fill_link(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* Adds the file that the path names and its links, for src/page/links.html. ERR_ABSENT: there is no such file. */
bool files_page_fill_links(struct exchange *, json_t *values, struct err *) MUST_CHECK;

#endif
