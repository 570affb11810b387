#include "app/account/signed_in.h"

#include "app/account/cookie.h"
#include "app/account/credentials.h"
#include "app/account/device_cookie.h"
#include "app/gate/way.h"
#include "app/once.h"
#include "base/percent.h"

#include <string.h>

enum {
    /* Longer than any address of ours in use; escaped, three times as long, it still fits into a header. */
    WAY_BACK_MAX = 1024,
    /* A way of the gate (gate/way.h), which needs no escapes. */
    WAY_ENTER_MAX = sizeof "/enter?to=" WAY_LOGGED_IN + WAY_TEXT_BYTES,
};

static size_t longest(const char *rd)
{
    return strncmp(rd, "/enter?to=", strlen("/enter?to=")) == 0 ? WAY_ENTER_MAX : WAY_BACK_MAX;
}

bool signed_in_answer(struct exchange *x, const struct signed_in *in, struct err *err)
{
    const struct config *config = &x->services->config;
    const char *expiry = credentials_expiry(x, in->expiry.unused_ms);
    int64_t age_s = (in->expiry.latest_ms - x->services->clock->now_ms()) / 1000;

    if (expiry == NULL)
        return err_memory(err);
    if (!cookie_set(config, &x->response, COOKIE_SESSION, in->token, in->remember && age_s > 0 ? age_s : 0, err) ||
        !device_cookie_give(x, in->account, err))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, in->location, err);
    if (!buf_printf(&x->response.body, "{\"token\":\"%s\",\"expires_at\":\"%s\",\"user\":%s}", in->token, expiry,
                    in->profile))
        return err_set(err, ERR_BUG, "answer is too long");
    return true;
}

bool signed_in_once(struct exchange *x, bool (*effect)(struct exchange *, void *, struct err *), void *arg,
                    struct err *err)
{
    if (once(x, effect, arg, err))
        return true;
    if (strcmp(err->field, SESSION_NO_PARTITION) != 0)
        return false;
    err_clear(err);
    return session_make_partitions(&x->services->sessions, &x->arena, err) && once(x, effect, arg, err);
}

const char *signed_in_location(const char *rd, const char *fallback)
{
    /* "//host" and "/\host" name another host. Browsers drop control characters, which could hide one. */
    if (rd == NULL || rd[0] != '/' || rd[1] == '/' || rd[1] == '\\' || strlen(rd) > longest(rd))
        return fallback;
    for (const char *at = rd; *at != '\0'; at++)
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7F || *at == '\\')
            return fallback;
    return rd;
}

const char *signed_in_query(struct exchange *x, const char *way)
{
    struct buf text;

    buf_init(&text, &x->arena, 3 * WAY_ENTER_MAX + 1);
    return percent_add(&text, way, "/") ? text.bytes : NULL;
}

/* The path was decoded by nginx; the query is as it was sent. */
const char *signed_in_way_here(struct exchange *x)
{
    struct buf way;

    buf_init(&way, &x->arena, 3 * WAY_BACK_MAX + 1);
    if (!percent_add(&way, x->request.path, "/:@!$&'()*+,;="))
        return NULL;
    if (x->request.query[0] != '\0') {
        size_t path = way.length;

        if (!BUF_ADD_STRINGS(&way, "?", x->request.query) || signed_in_location(way.bytes, NULL) == NULL) {
            way.length = path;
            way.bytes[path] = '\0';
        }
    }
    return signed_in_location(way.bytes, NULL);
}
