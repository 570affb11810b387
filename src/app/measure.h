/* What a request took, as StatsD lines. */
#ifndef MAYFLY_APP_MEASURE_H
#define MAYFLY_APP_MEASURE_H

#include "app/exchange.h"

/*
 * PREFIX.requests.POOL.METHOD.ROUTE.CLASS, a count; PREFIX.time. and the same, a time; for sessions that were looked up
 * PREFIX.cache.POOL.hit or .miss, a count. Some collectors pass over times below a millisecond, hence the first. In a route's name each character other than letters and digits is _, as in session_data or files__id; root is /,
 * none a path that is not served.
 */
void measure(struct exchange *, int64_t duration_us);

#endif
