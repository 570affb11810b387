#include "app/api.h"

bool api_health_live(struct exchange *x, struct err *err)
{
    return response_json(&x->response, 200, "{\"status\":\"live\"}", err);
}

/* Ready means that log-ins and writes work; without its cache mayfly is only slower. */
bool api_health_ready(struct exchange *x, struct err *err)
{
    struct err database = {.kind = ERR_NONE}, cache = {.kind = ERR_NONE};
    struct session_store *store = &x->services->sessions;
    struct db_result ignored;
    bool database_up = db_query(store->db, &x->arena, STATEMENT_PING, NULL, &ignored, &database) == DB_ROW;
    bool cache_up = cache_ping(store->cache, &cache);
    const char *cache_state = !cache_enabled(store->cache) ? "off" : cache_up ? "up" : "down";

    x->response.status = database_up ? 200 : 503;
    if (!buf_printf(&x->response.body,
                    "{\"status\":\"%s\",\"database\":{\"state\":\"%s\"},\"cache\":{\"state\":\"%s\"}}",
                    database_up ? "ready" : "unavailable", database_up ? "up" : "down", cache_state))
        return err_set(err, ERR_BUG, "answer is too long");
    return database_up || response_header(&x->response, "Retry-After", "1", err);
}

bool api_worker(struct exchange *x, struct err *err)
{
    if (!x->services->config.worker_header)
        return err_set(err, ERR_ABSENT, "this site keeps to itself which worker answers");
    if (!buf_printf(&x->response.body, "{\"worker\":\"%s\"}", x->services->worker))
        return err_set(err, ERR_BUG, "answer is too long");
    return true;
}
