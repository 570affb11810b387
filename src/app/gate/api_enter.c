/* GET /enter at mayfly's home: from a site to the log-in, and back from there. */
#include "app/api.h"
#include "app/gate/ticket.h"
#include "app/page/page.h"
#include "app/page/query.h"

/* Whether the log-in that there is will do. A session's id tells when it was made. */
static bool is_logged_in(const struct exchange *x, const struct way *way)
{
    return x->has_session && (!way->again || uuid_ms(&x->session.id) >= way->made_ms);
}

bool api_enter(struct exchange *x, struct err *err)
{
    const char *to, *in, *here;
    struct way way;

    if (!query_text(x, "to", &to, err) || !query_text(x, "in", &in, err))
        return false;
    if (to == NULL)
        return response_see_other(&x->response, "/", err);
    if (!way_open(x, to, &way, err))
        return false;
    if (is_logged_in(x, &way)) {
        here = way_shares_cookie(x, &way) ? way.url : ticket_make(x, &way);
        return here != NULL ? response_see_other(&x->response, here, err) : err_memory(err);
    }
    if (in != NULL && !x->has_token)
        return err_set(err, ERR_VALUE,
                       "your browser has not kept the cookie of the log-in; allow cookies for this site, and open the "
                       "site that you wanted again");
    here = arena_printf(&x->arena, "/enter?to=%s" WAY_LOGGED_IN, to);
    if (here == NULL)
        return err_memory(err);
    return page_login_to(x, here, err);
}
