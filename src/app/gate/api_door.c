/*
 * GET /gate/login, GET and POST /gate/logout: the log-in and the log-out of a site, at the site itself, by links of its
 * own pages. What they show is beneath the site's prefix.
 */
#include "app/account/form_token.h"
#include "app/account/log_out.h"
#include "app/account/signed_in.h"
#include "app/api.h"
#include "app/gate/gate.h"
#include "app/gate/gate_page.h"
#include "app/gate/ticket.h"
#include "app/once.h"
#include "app/page/query.h"

/* Whether a guest may pass there, so that whoever has logged out is not asked to log in at once. */
static bool is_public(const struct exchange *x, const char *target)
{
    const struct site_pass *site = gate_site(x);
    const struct rules_facts guest = {.method = "GET", .target = target, .address = x->request.address};

    return site != NULL && site->fault == NULL && rules_judge(&site->rules, &guest).verdict == RULES_PASS;
}

/* An address of this site. NULL: memory is out. */
static const char *address_here(struct exchange *x, const char *target)
{
    char origin[ORIGIN_TEXT_BYTES];

    origin_format(x->site->origin, origin);
    return arena_printf(&x->arena, "%s%s", origin, target);
}

/* The path of this site that the link wants to go on to, or NULL. */
static const char *way_back(struct exchange *x)
{
    return x->site != NULL ? signed_in_location(query_page_text(x, "back"), NULL) : NULL;
}

/* To what everybody may see at the site, the page that the link names before all others, or home. */
static const char *way_out(struct exchange *x)
{
    const char *back = way_back(x);

    if (back != NULL && is_public(x, back))
        return address_here(x, back);
    return is_public(x, "/") ? address_here(x, "/") : arena_printf(&x->arena, "%s/", way_home(x));
}

bool api_gate_login(struct exchange *x, struct err *err)
{
    const char *back = way_back(x), *tie, *to;

    if (gate_site(x) == NULL)
        return err_set(err, ERR_DENIED, "there is no such site");
    if (x->has_session && back == NULL)
        return gate_page_arrived(x, err);
    if (x->has_session) {
        to = address_here(x, back);
    } else {
        if ((tie = ticket_tie(x, err)) == NULL)
            return false;
        to = way_to_login(x, tie, false);
    }
    return to != NULL ? response_see_other(&x->response, to, err) : err_memory(err);
}

bool api_gate_logout_page(struct exchange *x, struct err *err)
{
    char token[FORM_TOKEN_BYTES];
    const char *to;

    if (x->has_session) {
        form_token_make(&x->services->secret, &x->session, gate_host(x), token);
        return gate_page_leave(x, token, err);
    }
    to = way_out(x);
    return to != NULL ? response_see_other(&x->response, to, err) : err_memory(err);
}

bool api_gate_logout(struct exchange *x, struct err *err)
{
    struct log_out out = {.cookie = COOKIE_VISIT, .to = way_out(x)};

    return out.to != NULL ? once(x, log_out, &out, err) : err_memory(err);
}

bool gate_door_refused(struct exchange *x, struct err *refused, struct err *err)
{
    const struct err shown = *refused;
    const char *to;

    if (shown.kind == ERR_NONE)
        return true;
    err_clear(refused);
    if (shown.kind != ERR_LOGIN)
        return gate_page_error(x, &shown, err);
    /* Nobody is logged in any more, which is what was asked for. */
    if ((to = way_out(x)) == NULL)
        return err_memory(err);
    return cookie_clear(&x->services->config, &x->response, COOKIE_VISIT, err) &&
           response_see_other(&x->response, to, err);
}
