/* What the account's page shows of its keys. */
#ifndef MAYFLY_APP_PAGE_KEYS_PAGE_H
#define MAYFLY_APP_PAGE_KEYS_PAGE_H

#include "app/exchange.h"

/* Adds the keys that there are, and whether one can be made now. */
bool keys_page_fill(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* Adds the key that the body {"key", "expires_at"} of the response tells of: it is shown this once. */
bool keys_page_fill_new(struct exchange *, json_t *values, struct err *) MUST_CHECK;

/* Of a form that was refused: what was typed, and which input is meant by a member's name. */
bool keys_page_typed(const struct exchange *, json_t *values) MUST_CHECK;
const char *keys_page_input(const char *field);

#endif
