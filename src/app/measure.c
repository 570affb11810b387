#include "app/measure.h"

#include <stdio.h>
#include <string.h>

enum { PART_BYTES = 48 };

/* Makes a part of a name: a dot would begin another level, and a colon the value. */
static void as_part(char part[PART_BYTES], const char *text, size_t length)
{
    snprintf(part, PART_BYTES, "%.*s", (int)length, text);
    for (char *at = part; *at != '\0'; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9')))
            *at = '_';
}

static void route_part(const struct exchange *x, char part[PART_BYTES])
{
    const char *path = x->match.route != NULL ? x->match.route->path : "/none";

    if (path[1] == '\0')
        path = "/root";
    as_part(part, path + 1, strlen(path + 1));
}

void measure(struct exchange *x, int64_t duration_us)
{
    struct services *services = x->services;
    const char *prefix = services->config.statsd_prefix;
    const char *method = method_name(x->request.method);
    char pool[PART_BYTES], route[PART_BYTES], kind[3 * PART_BYTES], name[STATSD_NAME_BYTES];

    if (!services->statsd.wanted)
        return;
    as_part(pool, services->worker, strcspn(services->worker, "/"));
    route_part(x, route);
    snprintf(kind, sizeof kind, "%s.%s.%s.%dxx", pool, method != NULL ? method : "none", route,
             x->response.status / 100);
    snprintf(name, sizeof name, "%.32s.requests.%s", prefix, kind);
    statsd_count(&services->statsd, name);
    snprintf(name, sizeof name, "%.32s.time.%s", prefix, kind);
    statsd_time(&services->statsd, name, duration_us);
    if (!x->has_token || x->match.route == NULL || x->match.route->need == NEED_NOTHING ||
        x->match.route->need == NEED_KEY)
        return;
    snprintf(name, sizeof name, "%.32s.cache.%s.%s", prefix, pool, x->lookup.from_cache ? "hit" : "miss");
    statsd_count(&services->statsd, name);
    if (!x->lookup.forged)
        return;
    snprintf(name, sizeof name, "%.32s.cache.%s.forged", prefix, pool);
    statsd_count(&services->statsd, name);
}
