/* Values for the keys on the account's page. */
#ifndef MAYFLY_APP_PAGE_KEYS_PAGE_H
#define MAYFLY_APP_PAGE_KEYS_PAGE_H

#include "app/exchange.h"

/* Adds the account's keys, and whether one can be made now. */
bool keys_page_fill(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* Adds the new key in the body {"key", "expires_at"} of the response, which is shown only once. */
bool keys_page_fill_new(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* For a form that was refused: adds the typed values, and maps a member's name to its input. */
bool keys_page_typed(const struct exchange *, json_t *values) MUST_CHECK;
const char *keys_page_input(const char *field);

#endif
