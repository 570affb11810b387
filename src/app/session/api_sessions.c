#include "app/account/cookie.h"
#include "app/api.h"
#include "app/once.h"
#include "app/tombstones.h"

bool api_sessions_list(struct exchange *x, struct err *err)
{
    const char *list;

    if (!session_list(&x->services->sessions, &x->arena, &x->session.account, &x->session.id, &list, err))
        return false;
    if (!buf_printf(&x->response.body, "{\"sessions\":%s}", list))
        return err_set(err, ERR_BUG, "answer is too long");
    return true;
}

static bool end_one(struct exchange *x, void *arg, struct err *err)
{
    const struct uuid *id = arg;
    bool own = uuid_equal(id, &x->session.id);

    x->ends_session = own;
    if (!sessions_lock(&x->services->sessions, &x->arena, &x->session.account, err))
        return false;
    switch (session_end(&x->services->sessions, &x->arena, id, &x->session.account, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        /*
         * Another worker may have ended it and died before it had removed the cached copy. For another account's live
         * session this only costs a query.
         */
        tombstone_write_now(x, id);
        return err_set(err, ERR_ABSENT, "there is no such session of yours");
    case DB_ROW:
        break;
    }
    if (!session_ids_add(&x->forgets, &x->arena, id, err) ||
        (own && !cookie_clear(&x->services->config, &x->response, COOKIE_SESSION, err)))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, own ? "/" : "/account?ended=1", err);
    x->response.status = 204;
    return true;
}

bool api_sessions_end(struct exchange *x, struct err *err)
{
    struct uuid id;

    if (!uuid_parse(x->match.parameter, &id))
        return err_set(err, ERR_ABSENT, "there is no such session of yours");
    return once(x, end_one, &id, err);
}

static bool end_others(struct exchange *x, void *arg, struct err *err)
{
    struct session_store *store = &x->services->sessions;

    (void)arg;
    if (!sessions_lock(store, &x->arena, &x->session.account, err) ||
        !session_end_others(store, &x->arena, &x->session.account, &x->session.id, &x->forgets, err))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/account?ended=1", err);
    if (!buf_printf(&x->response.body, "{\"ended\":%zu}", x->forgets.count))
        return err_set(err, ERR_BUG, "answer is too long");
    return true;
}

bool api_sessions_end_others(struct exchange *x, struct err *err)
{
    return once(x, end_others, NULL, err);
}
