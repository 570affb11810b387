/* What a request took, as StatsD lines. */
#ifndef MAYFLY_APP_MEASURE_H
#define MAYFLY_APP_MEASURE_H

#include "app/exchange.h"

/*
 * PREFIX.request.POOL.METHOD.ROUTE.CLASS, a time, and for sessions that were looked up PREFIX.cache.POOL.hit or .miss, a
 * count. In a route's name each character other than letters and digits is _, as in session_data or files__id; root is /,
 * none a path that is not served.
 */
void measure(struct exchange *, int64_t duration_us);

#endif
