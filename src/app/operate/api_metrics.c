#include "app/api.h"
#include "base/networks.h"
#include "store/schema.h"
#include "store/truths.h"

#include <inttypes.h>
#include <string.h>

/* OpenMetrics 1.0. All metrics are gauges, so the text is also valid in Prometheus' older format. */
static const char metrics_type[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

static bool add_gauge(struct buf *body, const char *name, const char *help)
{
    return buf_printf(body, "# TYPE %s gauge\n# HELP %s %s\n", name, name, help);
}

static bool add_number(struct buf *body, const char *name, const char *help, int64_t value)
{
    return add_gauge(body, name, help) && buf_printf(body, "%s %" PRId64 "\n", name, value);
}

static bool add_truths(struct buf *body, const int64_t values[TRUTH_COUNT])
{
    for (int i = 0; i < TRUTH_COUNT; i++)
        if (!add_number(body, truth_names[i].name, truth_names[i].help, values[i]))
            return false;
    return true;
}

/* Adds a name in quotes. OpenMetrics escapes three characters. */
static bool add_label(struct buf *body, const char *text)
{
    for (; *text != '\0'; text++) {
        const char plain[] = {*text, '\0'};

        if (!buf_add_string(body, *text == '\\' ? "\\\\" : *text == '"' ? "\\\"" : *text == '\n' ? "\\n" : plain))
            return false;
    }
    return true;
}

static bool add_of_node(struct buf *body, const char *metric, const struct cache_node *node, int64_t value)
{
    return buf_printf(body, "%s{node=\"", metric) && add_label(body, node->name) &&
           buf_printf(body, "\"} %" PRId64 "\n", value);
}

/* Statistics of a cache node, by the gauge that shows them. A node that is down has only the first. */
static const struct {
    const char *name;
    const char *help;
    size_t member;
} node_gauges[] = {
    {"mayfly_cache_items", "Items in a node of memcached.", offsetof(struct cache_node, items)},
    {"mayfly_cache_bytes", "Bytes of them.", offsetof(struct cache_node, bytes)},
    {"mayfly_cache_bytes_max", "Bytes that the node may take.", offsetof(struct cache_node, bytes_max)},
    {"mayfly_cache_hits", "Reads since the node's start that found something.", offsetof(struct cache_node, hits)},
    {"mayfly_cache_misses", "And that found nothing.", offsetof(struct cache_node, misses)},
    {"mayfly_cache_evictions", "Items since its start that made room for others.",
     offsetof(struct cache_node, evictions)},
};

static bool add_cache(struct exchange *x, struct buf *body)
{
    const struct cache_node *nodes;
    size_t count = cache_nodes(x->services->sessions.cache, &x->arena, &nodes);
    bool fits = count == 0 || add_gauge(body, "mayfly_cache_up", "Whether a node of memcached answers this worker.");

    for (size_t i = 0; i < count; i++)
        fits = fits && add_of_node(body, "mayfly_cache_up", &nodes[i], nodes[i].up);
    for (size_t row = 0; count > 0 && row < sizeof node_gauges / sizeof node_gauges[0]; row++) {
        fits = fits && add_gauge(body, node_gauges[row].name, node_gauges[row].help);
        for (size_t i = 0; i < count; i++)
            if (nodes[i].up)
                fits = fits && add_of_node(body, node_gauges[row].name, &nodes[i],
                                           *(const int64_t *)((const char *)&nodes[i] + node_gauges[row].member));
    }
    return fits;
}

/* Only addresses in metrics_allow get the metrics: they tell how large a site is, and cost more than other answers. */
bool api_metrics(struct exchange *x, struct err *err)
{
    struct err down = {.kind = ERR_NONE};
    struct buf *body = &x->response.body;
    int64_t values[TRUTH_COUNT];
    bool known;

    if (!networks_have(x->services->config.metrics_allow, x->request.address))
        return err_set(err, ERR_DENIED, "%.64s is not in metrics_allow of mayfly.conf", x->request.address);
    known = truths_read(x->services->sessions.db, &x->arena, values, &down);
    if (!known)
        log_error(&x->services->log, LOG_WARN, "no_truths", &down);
    x->response.type = metrics_type;
    /* An outage is not an error here, because the metrics show it. */
    return (add_number(body, "mayfly_database_up", "Whether PostgreSQL answers this worker.", known) &&
            (!known || add_truths(body, values)) && add_cache(x, body) &&
            add_gauge(body, "mayfly_build_info", "This worker's version, and the schema that it needs.") &&
            buf_printf(body, "mayfly_build_info{version=\"%s\",schema=\"%d\"} 1\n# EOF\n", VERSION, SCHEMA_NUMBER)) ||
           err_set(err, ERR_BUG, "answer is too long");
}
