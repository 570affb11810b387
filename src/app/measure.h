/* Measurements of requests, as StatsD lines. */
#ifndef MAYFLY_APP_MEASURE_H
#define MAYFLY_APP_MEASURE_H

#include "app/exchange.h"

/*
 * Sends PREFIX.requests.POOL.METHOD.ROUTE.CLASS, a count; PREFIX.time. with the same rest, a time; and, for sessions
 * that were looked up, PREFIX.cache.POOL.hit or .miss, a count. The first is needed because some collectors ignore
 * times below a millisecond. In the name of a route each character other than letters and digits is _, as in
 * session_data or files__id; root is /, none a path without a route.
 */
void measure(struct exchange *, int64_t duration_us);

#endif
