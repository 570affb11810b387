#ifndef MAYFLY_APP_ROUTES_H
#define MAYFLY_APP_ROUTES_H

#include "http/route.h"

/* All routes, one row each. `mayflyctl routes` prints them. */
extern const struct route routes[];
extern const size_t routes_count;

#endif
