/*
 * GET /gate: nginx's auth_request asks whether a request may pass. It understands 200, 401 and 403; whatever else
 * becomes its 500, so 503 is for what can't be known now. Each has an empty body with Content-Length 0, which keeps
 * nginx's connection.
 */
#include "app/account/cookie.h"
#include "app/api.h"
#include "app/authorise.h"
#include "app/gate/gate.h"
#include "app/gate/gate_page.h"
#include "app/gate/identity.h"
#include "app/gate/ticket.h"
#include "app/origin_proof.h"
#include "app/page/query.h"

#include <string.h>

/*
 * A browser that has a key as the password of Basic sends it by itself, whichever page causes the request. What changes
 * something, and a WebSocket, which is opened by GET, is refused when that page is none of the site's.
 */
static bool check_cause(struct exchange *x, struct rules_judgement *judgement, struct err *err)
{
    const char *method = x->request.asked;
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
    char *rest;

    if (!x->has_session || !x->by_basic || x->request.sent[0] == '\0')
        return true;
    if ((rest = arena_strdup(&x->arena, x->request.sent)) == NULL)
        return err_memory(err);
    x->request.fetch_site = strsep(&rest, ",");
    x->request.origin_header = rest != NULL ? strsep(&rest, ",") : "";
    if ((reads && (rest == NULL || rest[0] == '\0')) || origin_proof(x) != PROOF_FOREIGN)
        return true;
    authorise_note_key(x, "cross-site");
    judgement->verdict = RULES_FORBIDDEN;
    return true;
}

/*
 * 401, with what a program may come with. Basic is offered where a key would do; nginx does not pass that on to
 * browsers (mayfly-inner.conf), which would ask for a password in a window of their own and keep it until they end.
 */
static bool ask_to_log_in(struct exchange *x, bool by_key, struct err *err)
{
    const char *link = arena_printf(&x->arena, "<%s/login>; rel=\"login\"", way_home(x));
    const char *basic = "";

    x->response.status = 401;
    if (by_key)
        basic = arena_printf(&x->arena, "Basic realm=\"%s\", charset=\"UTF-8\"", gate_site(x)->name);
    if (link == NULL || basic == NULL)
        return err_memory(err);
    return response_header(&x->response, "Link", link, err) &&
           response_header(&x->response, "X-Mayfly-Basic", basic, err) &&
           response_header(&x->response, "WWW-Authenticate", "Bearer realm=\"mayfly\"", err);
}

bool api_gate(struct exchange *x, struct err *err)
{
    struct rules_judgement judgement;
    bool ours;

    if (!gate_judge(x, &judgement, err) || !check_cause(x, &judgement, err))
        return false;
    switch (judgement.verdict) {
    case RULES_PASS:
        /*
         * Whether Authorization was for us, and so is not for the app. A key is, also one that is good no more: as the
         * password of Basic only we can tell.
         */
        ours = x->by_key || (x->has_session && !x->by_cookie);
        return response_header(&x->response, "X-Mayfly-Bearer", ours ? "1" : "", err) && identity_headers(x, err);
    case RULES_LOG_IN:
        return ask_to_log_in(x, judgement.by_key, err);
    case RULES_STEP_UP:
    case RULES_FORBIDDEN:
        break;
    }
    x->response.status = 403;
    return true;
}

/* Somebody on the way to a page did not pass: to the log-in, to a newer proof, or a page that says why not. */
bool api_gate_refused(struct exchange *x, struct err *err)
{
    struct rules_judgement judgement;
    const char *way, *tie;

    if (!gate_judge(x, &judgement, err))
        return false;
    if (judgement.verdict != RULES_LOG_IN && (judgement.verdict != RULES_STEP_UP || judgement.factors > 1))
        return gate_page(x, &judgement, err);
    if ((tie = ticket_tie(x, err)) == NULL)
        return false;
    way = way_to_login(x, tie, judgement.verdict == RULES_STEP_UP);
    if (way == NULL)
        return err_memory(err);
    return response_see_other(&x->response, way, err);
}

/*
 * From mayfly's home, by a ticket: the browser gets its visit at this site, and goes on to the address that it asked
 * for.
 */
bool api_gate_enter(struct exchange *x, struct err *err)
{
    const char *sealed = query_page_text(x, "ticket"), *token, *url;
    struct err refused = {.kind = ERR_NONE};

    if (!ticket_redeem(x, sealed != NULL ? sealed : "", &token, &url, &refused))
        return refused.kind == ERR_DOWN ? (*err = refused, false) : gate_page_error(x, &refused, err);
    return cookie_set(&x->services->config, &x->response, COOKIE_VISIT, token, 0, err) &&
           response_see_other(&x->response, url, err);
}
