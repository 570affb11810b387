#ifndef MAYFLY_APP_ROUTES_H
#define MAYFLY_APP_ROUTES_H

#include "http/route.h"

/* The whole surface of mayfly, one row each; `mayflyctl routes` prints it. */
extern const struct route routes[];
extern const size_t routes_count;

#endif
