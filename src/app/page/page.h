/* The pages for browsers, rendered from src/page with the same data as the API. They work without JavaScript. */
#ifndef MAYFLY_APP_PAGE_PAGE_H
#define MAYFLY_APP_PAGE_PAGE_H

#include "app/exchange.h"

bool page_index(struct exchange *, struct err *);
bool page_login(struct exchange *, struct err *);
bool page_register(struct exchange *, struct err *);
bool page_account(struct exchange *, struct err *);
bool page_workers(struct exchange *, struct err *);
bool page_files(struct exchange *, struct err *);

/* Shows the log-in form, also to a visitor who is logged in; the way is a path to continue to. */
bool page_login_to(struct exchange *, const char *way, struct err *) MUST_CHECK;

/* Shows the links of the file that the path names. */
bool page_links(struct exchange *, struct err *) MUST_CHECK;

/*
 * Shows the answer of POST /files/ID/link, {"url", "expires_at"} in the response's body, as a page. The link is shown
 * only this once. For handlers whose request wants a page. Status and headers stay as they are.
 */
bool page_link(struct exchange *, struct err *) MUST_CHECK;

/* The same for POST /keys, which has answered {"key", "expires_at"}: the account's page, with the key. */
bool page_key(struct exchange *, struct err *) MUST_CHECK;

/* Shows a file that a link for `left` more downloads opens, with a button that uses the link. */
bool page_shared(struct exchange *, const struct file *, int64_t left, struct err *) MUST_CHECK;

/* Shows an error, in the form that caused it if there is one. x->response is initialised, and gets only the body. */
bool page_error(struct exchange *, const struct err *shown, struct err *) MUST_CHECK;

#endif
