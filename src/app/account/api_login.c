#include "app/account/credentials.h"
#include "app/account/log_out.h"
#include "app/account/signed_in.h"
#include "app/api.h"
#include "app/once.h"
#include "base/address.h"
#include "base/bytes.h"
#include "base/text_limit.h"

#include <string.h>

struct login {
    struct account account;
    struct attempt attempt;
    struct session_limits limits;
    const char *location;
    char rehashed[PASSWORD_HASH_BYTES]; /* "" when the hash need not be made again */
};

static struct session_limits limits_of(const struct config *config, bool remember)
{
    return (struct session_limits){
        .idle_s = remember ? config->remember_idle_s : config->session_idle_s,
        .absolute_s = remember ? config->remember_absolute_s : config->session_absolute_s,
        .remember = remember,
    };
}

/* Ends the session that the browser had before. A log-in never continues it. */
static bool end_previous(struct exchange *x, struct err *err)
{
    struct session_store *store = &x->services->sessions;

    if (!x->has_session || !x->by_cookie)
        return true;
    return session_end(store, &x->arena, &x->session.id, &x->session.account, err) != DB_FAIL &&
           session_ids_add(&x->forgets, &x->arena, &x->session.id, err);
}

static bool log_in(struct exchange *x, void *arg, struct err *err)
{
    struct login *login = arg;
    struct session_store *store = &x->services->sessions;
    char address[ADDRESS_TEXT_BYTES];
    const struct session_origin origin = {
        .user_agent = text_clip(&x->arena, TEXT_USER_AGENT, x->request.user_agent, strlen(x->request.user_agent)),
        .address = address_plain(x->request.address, address) ? address : NULL,
    };
    char text[TOKEN_TEXT_BYTES];
    struct signed_in in = {
        .account = &login->account.id,
        .token = text,
        .remember = login->limits.remember,
        .profile = login->account.profile,
        .location = login->location,
    };
    struct token token;
    bool ok;

    if (origin.user_agent == NULL)
        return err_memory(err);
    if (account_confirm(store->db, &x->arena, &login->account, err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "wrong name or password");
    token_new(x->services->clock, &token, text);
    ok = end_previous(x, err) &&
         session_create(store, &x->arena, &token, &login->account.id, &login->limits, &origin, &in.expiry, &x->forgets,
                        err) &&
         credentials_forgive(x, &login->attempt, err);
    if (ok && login->rehashed[0] != '\0')
        ok = account_set_password(store->db, &x->arena, &login->account.id, login->rehashed,
                                  login->account.password_hash, err) != DB_FAIL;
    ok = ok && signed_in_answer(x, &in, err);
    bytes_wipe(text, sizeof text);
    return ok;
}

bool api_login(struct exchange *x, struct err *err)
{
    const struct config *config = &x->services->config;
    struct login login = {.rehashed = ""};
    const char *name, *password, *rd;
    const json_t *fields;
    bool done, stale;

    if (!exchange_field(x, "username", &name, err) || !exchange_field(x, "password", &password, err) ||
        !exchange_fields(x, &fields, err) || !json_text(fields, "rd", &rd, err))
        return false;
    login.limits = limits_of(config, json_flag(fields, "remember"));
    login.location = signed_in_location(rd, "/account");
    if (!credentials_check(x, name, password, &login.account, &login.attempt, &stale, err))
        return false;
    if (stale && !credentials_hash(x, password, login.rehashed, err))
        return false;
    done = signed_in_once(x, log_in, &login, err);
    if (!done && err->kind == ERR_LOGIN) {
        /*
         * Another log-in has made the hash again, or the password was changed, between the check and the transaction.
         */
        err_clear(err);
        login.rehashed[0] = '\0';
        if (!credentials_check(x, name, password, &login.account, &login.attempt, &stale, err))
            return false;
        done = signed_in_once(x, log_in, &login, err);
    }
    return credentials_settle(x, &login.attempt, done, err);
}

bool api_logout(struct exchange *x, struct err *err)
{
    struct log_out out = {.cookie = COOKIE_SESSION, .to = "/"};

    return once(x, log_out, &out, err);
}
