#include "app/api.h"
#include "app/nginx_number.h"
#include "store/schema.h"

#include <inttypes.h>
#include <string.h>

bool api_health_live(struct exchange *x, struct err *err)
{
    return response_json(&x->response, 200, "{\"status\":\"live\"}", err);
}

/*
 * An old schema has no table of changes, or fewer changes than this build needs. If texts or bytes come in another form
 * than workers read, because of an encoding or a setting, every request fails.
 */
static const char *database_state(struct exchange *x)
{
    struct err err = {.kind = ERR_NONE};
    int64_t number = 0;
    bool readable = true;

    if (!schema_number(x->services->sessions.db, &x->arena, &number, &readable, &err) && err.kind == ERR_DOWN)
        return "down";
    if (!readable)
        return "wrong settings";
    return number >= SCHEMA_NUMBER ? "up" : "old schema";
}

/* The state of the files of nginx that this request came through. */
static bool add_nginx(struct exchange *x)
{
    int64_t found = nginx_number(&x->request);

    if (found >= NGINX_NUMBER)
        return buf_add_string(&x->response.body, "{\"state\":\"current\"}");
    return buf_printf(&x->response.body,
                      "{\"state\":\"old files\",\"found\":%" PRId64 ",\"needed\":%d,\"command\":\"%s\"}", found,
                      NGINX_NUMBER, NGINX_UPDATE);
}

/*
 * Ready means that log-ins and writes work. A missing cache only makes mayfly slower, and old files of nginx still
 * work.
 */
bool api_health_ready(struct exchange *x, struct err *err)
{
    struct cache *cache = x->services->sessions.cache;
    struct err ignored = {.kind = ERR_NONE};
    bool cache_up = cache_ping(cache, &ignored);
    const char *cache_state = !cache_enabled(cache) ? "off" : cache_up ? "up" : "down";
    const char *database = database_state(x);
    bool ready = strcmp(database, "up") == 0;

    x->response.status = ready ? 200 : 503;
    if (!buf_printf(&x->response.body,
                    "{\"status\":\"%s\",\"database\":{\"state\":\"%s\"},\"cache\":{\"state\":\"%s\"},\"nginx\":",
                    ready ? "ready" : "unavailable", database, cache_state) ||
        !add_nginx(x) || !buf_add_string(&x->response.body, "}"))
        return err_set(err, ERR_BUG, "answer is too long");
    return ready || response_header(&x->response, "Retry-After", "1", err);
}

bool api_worker(struct exchange *x, struct err *err)
{
    if (!x->services->config.worker_header)
        return err_set(err, ERR_ABSENT, "this site does not tell which worker answers");
    if (!buf_printf(&x->response.body, "{\"worker\":\"%s\"}", x->services->worker))
        return err_set(err, ERR_BUG, "answer is too long");
    return true;
}
