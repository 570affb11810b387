#include "app/account/log_out.h"

bool log_out(struct exchange *x, void *arg, struct err *err)
{
    const struct log_out *out = arg;
    struct session_store *store = &x->services->sessions;

    x->ends_session = true;
    if (session_end(store, &x->arena, &x->session.id, &x->session.account, err) == DB_FAIL ||
        !session_ids_add(&x->forgets, &x->arena, &x->session.id, err) ||
        !cookie_clear(&x->services->config, &x->response, out->cookie, err))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, out->to, err);
    return response_json(&x->response, 200, "{}", err);
}
