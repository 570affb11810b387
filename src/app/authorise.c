#include "app/authorise.h"

#include "app/account/form_token.h"
#include "app/cors.h"
#include "app/gate/gate.h"
#include "app/once.h"
#include "app/origin_proof.h"
#include "app/session/app_caller.h"
#include "store/key.h"

#include <string.h>

static bool take_session(struct exchange *x, struct err *err)
{
    if (!x->has_token)
        return true;
    if (x->lookup.found == DB_FAIL) {
        *err = *x->lookup.failure;
        return false;
    }
    x->has_session = x->lookup.found == DB_ROW;
    x->session = x->lookup.session;
    return true;
}

void authorise_note_key(const struct exchange *x, const char *reason)
{
    char id[UUID_TEXT_BYTES] = "";

    if (x->has_token)
        uuid_format(&x->lookup.token.id, id);
    LOG_EVENT(&x->services->log, LOG_INFO, "key_refused", LOG_TEXT("key_id", id), LOG_TEXT("reason", reason));
}

/* The scope of a key that a route requires; 0: it accepts no key. */
static unsigned wanted_scope(const struct route *route)
{
    return ((route->traits & KEY_OF_GATE) != 0 ? KEY_GATE : 0) | ((route->traits & KEY_OF_DATA) != 0 ? KEY_DATA : 0) |
           ((route->traits & KEY_OF_FILES) != 0 ? KEY_FILES : 0);
}

/*
 * A key may do only what its scopes allow. After a refusal the session is removed, so that no error page shows the
 * account.
 */
static bool check_scope(struct exchange *x, struct err *err)
{
    unsigned wanted = wanted_scope(x->match.route);
    char text[KEY_SCOPES_BYTES];

    if (!x->by_key || !x->has_session || (x->scopes & wanted) != 0)
        return true;
    x->has_session = false;
    authorise_note_key(x, "scope");
    if (wanted == 0)
        return err_set(err, ERR_DENIED, "a key can't do this; log in");
    if (x->by_basic && (x->session.scopes & KEY_PASSWORD) == 0)
        return err_set(err, ERR_DENIED,
                       "this key is no app password: send it as Authorization: Bearer, or make one with the scope "
                       "password");
    key_scopes_tell(wanted, text);
    return err_set(err, ERR_DENIED, "the key can't do this: it does not have the scope %s", text);
}

static bool refuse_stranger(const struct exchange *x, struct err *err)
{
    if (!x->by_key)
        return err_set(err, ERR_LOGIN, "log in first");
    return err_set(err, ERR_LOGIN, "the key is not valid: it was revoked, has expired, or %s",
                   x->by_basic ? "is none of this name" : "does not exist");
}

/* Of a route that takes that: whether the request was sent by a page of a site that is known. ERR_DOWN. */
static bool is_of_a_site(const struct exchange *x, struct err *err)
{
    if ((x->match.route->traits & FROM_SITES) == 0 || x->site == NULL)
        return false;
    if (x->site->found == DB_FAIL)
        *err = *x->site->failure;
    return cors_site(x) != NULL;
}

/*
 * Checks a change that is authorised by a cookie. A form can be sent by any page, so it must have the session's token.
 * A body that only a script can send must come from the same origin.
 */
static bool check_origin(struct exchange *x, struct err *err)
{
    bool form = request_has_type(&x->request, "application/x-www-form-urlencoded") ||
                (x->request.method == METHOD_POST && x->request.content_length == 0);
    enum origin_proof proof = origin_proof(x);
    const char *token = x->request.csrf_token;
    const json_t *fields;

    /*
     * A page of another site can't send a bearer token. A browser sends Basic by itself, together with the origin of
     * the page.
     */
    if (x->has_session && !x->by_cookie && !(x->by_basic && proof == PROOF_FOREIGN))
        return true;
    if (proof == PROOF_FOREIGN && !is_of_a_site(x, err))
        return err->kind == ERR_NONE && err_set(err, ERR_DENIED, "this request came from another site");
    if (!x->has_session || proof == PROOF_FOREIGN)
        return true;
    /* An app's own pages know no token, and may log their visitors out. */
    if (proof == PROOF_SAME && (!form || (x->match.route->traits & AT_SITE) != 0))
        return true;
    if (token[0] == '\0' && request_has_type(&x->request, "application/x-www-form-urlencoded")) {
        if (!exchange_fields(x, &fields, err) || !json_text(fields, "csrf", &token, err))
            return false;
    }
    if (token != NULL && form_token_valid(&x->services->secret, &x->session, gate_host(x), token))
        return true;
    /* An empty POST from a script of this site is proved by its origin. */
    if (proof == PROOF_SAME && x->request.content_length == 0 && !request_wants_page(&x->request))
        return true;
    return err_set(err, ERR_DENIED, "the form's token is missing or old; load the page again");
}

/*
 * Looks for the outcome of a request without a live session: it may be the second attempt of a log-out whose first
 * attempt has ended the session. Any of the tokens may be that session's, but not one that is still live.
 */
static bool find_outcome(struct exchange *x, struct err *err)
{
    const struct session_lookup chosen = x->lookup;
    bool ok = true;

    if (!exchange_mutates(x) || !x->has_token || x->request.stream[0] != '\0')
        return true;
    for (size_t i = x->has_session ? 1 : 0; ok && !x->replayed && i <= x->others_count; i++) {
        x->lookup = i == 0 ? chosen : x->others[i - 1];
        ok = once_find(x, err);
    }
    x->lookup = chosen;
    return ok;
}

bool authorise(struct exchange *x, struct err *err)
{
    enum route_need need = x->match.route->need;

    if (need == NEED_REFUSED)
        return err_set(err, ERR_BUG, "route %s allows nobody", x->match.route->path);
    if (need == NEED_NOTHING)
        return true;
    if (need == NEED_KEY)
        return app_caller(x, err);
    if (!take_session(x, err) || !check_scope(x, err))
        return false;
    if (x->by_key && !x->has_session)
        authorise_note_key(x, "unknown"); /* also where a request without a session is accepted, as at the gate */
    if ((x->others_count > 0 || (!x->has_session && need != NEED_GUEST)) && !find_outcome(x, err))
        return false;
    if (x->replayed)
        return true;
    if (!x->has_session && need != NEED_GUEST)
        return refuse_stranger(x, err);
    return !exchange_mutates(x) || check_origin(x, err);
}
