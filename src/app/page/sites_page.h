/* The sites that the visitor may enter, for the front page. */
#ifndef MAYFLY_APP_PAGE_SITES_PAGE_H
#define MAYFLY_APP_PAGE_SITES_PAGE_H

#include "app/exchange.h"

/*
 * Adds a tile for each site whose rules let the user of the session pass, now or after a proof. While the database is
 * away, adds a note instead: the rest of the page still works.
 */
bool sites_page_fill(struct exchange *, json_t *values, struct err *) MUST_CHECK;

#endif
