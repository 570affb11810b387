/* The pages: the same facts as the API, rendered from src/page for browsers. They work without JavaScript. */
#ifndef MAYFLY_APP_PAGE_PAGE_H
#define MAYFLY_APP_PAGE_PAGE_H

#include "app/exchange.h"

bool page_index(struct exchange *, struct err *);
bool page_login(struct exchange *, struct err *);
bool page_register(struct exchange *, struct err *);
bool page_account(struct exchange *, struct err *);
bool page_workers(struct exchange *, struct err *);
bool page_files(struct exchange *, struct err *);

/* The links of the file that the path names. */
bool page_links(struct exchange *, struct err *) MUST_CHECK;

/*
 * Shows what POST /files/ID/link has answered, {"url", "expires_at"} in the response's body, as a page: the link is told
 * this once. For handlers whose request wants a page; leaves status and headers.
 */
bool page_link(struct exchange *, struct err *) MUST_CHECK;

/* A file that a link for `left` more downloads opens, and a button that uses it. */
bool page_shared(struct exchange *, const struct file *, int64_t left, struct err *) MUST_CHECK;

/* Shows an error: in the form that caused it where there is one. x->response is initialised and gets the body only. */
bool page_error(struct exchange *, const struct err *shown, struct err *) MUST_CHECK;

#endif
