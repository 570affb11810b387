#include "app/account/cookie.h"
#include "app/account/credentials.h"
#include "app/account/signed_in.h"
#include "app/api.h"
#include "app/once.h"
#include "base/bytes.h"
#include "base/text_limit.h"
#include "store/invitation.h"

#include <stdio.h>
#include <string.h>

struct registration {
    struct account_fields fields;
    const char *way_back; /* NULL: none was given */
    bool is_invited;      /* registration needs this invitation */
    struct token invitation;
    char hash[PASSWORD_HASH_BYTES];
};

static bool refuse_invitation(struct err *err)
{
    return err_field(err, ERR_VALUE, "invite",
                     "invite: the invitation is not valid: it was used, has expired, or does not exist");
}

static bool see_login(struct exchange *x, const char *way_back, struct err *err)
{
    const char *query = way_back != NULL ? signed_in_query(x, way_back) : NULL;
    const char *place =
        query != NULL ? arena_printf(&x->arena, "/login?registered=1&rd=%s", query) : "/login?registered=1";

    return place != NULL ? response_see_other(&x->response, place, err) : err_memory(err);
}

static bool create_account(struct exchange *x, void *arg, struct err *err)
{
    const struct registration *new = arg;
    struct uuid id = uuid_new(x->services->clock);
    const char *profile;

    if (new->is_invited) {
        enum db_rc rc = invitation_use(x->services->sessions.db, &x->arena, &new->invitation, err);

        if (rc != DB_ROW)
            return rc == DB_NONE && refuse_invitation(err);
    }
    if (!account_create(x->services->sessions.db, &x->arena, &id, &new->fields, new->hash, &profile, err))
        return false;
    if (request_wants_page(&x->request))
        return see_login(x, new->way_back, err);
    x->response.status = 201;
    if (!buf_printf(&x->response.body, "{\"user\":%s}", profile))
        return err_set(err, ERR_BUG, "answer is too long");
    return response_header(&x->response, "Location", "/profile", err);
}

/* Replaces *text, which may be NULL, by a copy without spaces around it. */
static bool trim(struct exchange *x, const char **text, struct err *err)
{
    if (*text != NULL && (*text = text_trim(&x->arena, *text)) == NULL)
        return err_memory(err);
    return true;
}

static const char *none_if_empty(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/*
 * Counts a registration. When the limit is reached, the last one that was allowed may be this request, done by a worker
 * that then died.
 */
static bool take_attempt(struct exchange *x, struct err *err)
{
    struct services *services = x->services;
    struct err refused = {.kind = ERR_NONE};
    struct attempt attempt;

    if (x->attempt_taken)
        return true;
    attempt_by_address(&attempt, &services->secret, x->request.address);
    x->attempt_taken = attempt_take(services->sessions.db, &x->arena, &services->config, &attempt, &refused);
    if (x->attempt_taken)
        return true;
    if (refused.kind == ERR_LIMIT && !once_find(x, err))
        return false;
    if (!x->replayed)
        *err = refused;
    return x->replayed;
}

/* Checks whether the setting allows the registration, as far as that is known without the database. */
static bool check_registration(struct exchange *x, const json_t *fields, struct registration *new, struct err *err)
{
    const struct config *config = &x->services->config;
    const char *ask = config->support_url[0] != '\0' ? "; ask " : "";
    const char *text;

    if (strcmp(config->registration, "closed") == 0)
        return err_set(err, ERR_DENIED, "registration is closed here%s%.200s", ask, config->support_url);
    if (strcmp(config->registration, "open") == 0)
        return true;
    if (!json_text(fields, "invite", &text, err))
        return false;
    if (text == NULL || text[0] == '\0')
        return err_field(err, ERR_VALUE, "invite", "invite: an account needs an invitation%s%.200s", ask,
                         config->support_url);
    new->is_invited = true;
    return token_parse_invitation(text, strlen(text), &new->invitation) || refuse_invitation(err);
}

/*
 * Checks the invitation before the password is hashed. An earlier attempt of this request, whose worker died, may have
 * used it.
 */
static bool find_invitation(struct exchange *x, const struct registration *new, struct err *err)
{
    enum db_rc rc = DB_ROW;

    if (new->is_invited)
        rc = invitation_find(x->services->sessions.db, &x->arena, &new->invitation, err);
    if (rc != DB_NONE)
        return rc == DB_ROW;
    return once_find(x, err) && (x->replayed || refuse_invitation(err));
}

bool api_register(struct exchange *x, struct err *err)
{
    struct registration new = {.hash = ""};
    const json_t *fields;
    const char *password, *rd;

    if (!exchange_fields(x, &fields, err) || !check_registration(x, fields, &new, err) ||
        !json_text(fields, "username", &new.fields.username, err) ||
        !json_text(fields, "email", &new.fields.email, err) || !json_text(fields, "name", &new.fields.name, err) ||
        !json_text(fields, "rd", &rd, err) || !trim(x, &new.fields.username, err) || !trim(x, &new.fields.email, err))
        return false;
    new.way_back = signed_in_location(rd, NULL);
    new.fields.username = none_if_empty(new.fields.username);
    new.fields.email = none_if_empty(new.fields.email);
    if (new.fields.username == NULL &&new.fields.email == NULL)
        return err_field(err, ERR_VALUE, "username", "username: choose one, or give an email to log in with");
    if (!account_check(&new.fields, err) || !exchange_field(x, "password", &password, err) ||
        !password_check(password, strlen(password),
                        (const char *[]){new.fields.username != NULL ? new.fields.username : "",
                                         new.fields.email != NULL ? new.fields.email : "", NULL},
                        err))
        return false;
    if (!find_invitation(x, &new, err) || (!x->replayed && !take_attempt(x, err)))
        return false;
    return x->replayed || (credentials_hash(x, password, new.hash, err) && once(x, create_account, &new, err));
}

bool api_profile_get(struct exchange *x, struct err *err)
{
    return response_json(&x->response, 200, x->session.profile, err);
}

struct change {
    struct account_fields fields;
    bool email_changes;
    struct account account; /* with email_changes: the account whose password was confirmed */
    struct attempt attempt;
};

/* The password may have been changed between its check and the transaction. */
static bool confirmed(struct exchange *x, const struct account *account, const struct attempt *attempt, struct err *err)
{
    if (account_confirm(x->services->sessions.db, &x->arena, account, err) != DB_ROW)
        return err_field(err, ERR_DENIED, "password", "the current password is wrong");
    return credentials_forgive(x, attempt, err);
}

static bool change_profile(struct exchange *x, void *arg, struct err *err)
{
    const struct change *change = arg;
    struct session_store *store = &x->services->sessions;
    const char *profile;

    if (change->email_changes && !confirmed(x, &change->account, &change->attempt, err))
        return false;
    if (account_update(store->db, &x->arena, &x->session.account, &change->fields, change->email_changes, &profile,
                       err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "the account is gone");
    if (!session_ids_of(store, &x->arena, &x->session.account, &x->forgets, err))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/account?saved=1", err);
    return response_json(&x->response, 200, profile, err);
}

static bool profile_members(const json_t *fields, struct err *err)
{
    static const char *const known[] = {"csrf", "name", "email", "password"};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        size_t i = 0;

        while (i < sizeof known / sizeof known[0] && strcmp(name, known[i]) != 0)
            i++;
        if (i == sizeof known / sizeof known[0])
            return err_field(err, ERR_VALUE, name, "%.60s: can't be changed here; name and email can", name);
    }
    if (json_object_get(fields, "password") != NULL && json_object_get(fields, "email") == NULL)
        return err_field(err, ERR_VALUE, "password", "password: can't be changed here; it confirms a change of email");
    return true;
}

static bool is_email(const struct exchange *x, const char *email)
{
    return strcmp(email != NULL ? email : "", x->session.email) == 0;
}

/* Drops fields that do not change: a form sends all fields, and an old value may violate rules of today. */
static bool forget_same(struct exchange *x, struct change *change, struct err *err)
{
    json_t *profile;
    const char *name;

    if (!change->email_changes)
        change->fields.email = NULL;
    if (change->fields.name == NULL)
        return true;
    if (!json_read(&x->arena, x->session.profile, strlen(x->session.profile), &profile, err))
        return false;
    name = json_string_value(json_object_get(profile, "name"));
    if (name != NULL && strcmp(name, change->fields.name) == 0)
        change->fields.name = NULL;
    return true;
}

/*
 * RFC 7396: a member that is missing stays, null empties it. The address is a way to log in and to get a new password,
 * so it is not changed by a session alone, which may be stolen (ASVS 7.5.1). A form sends the address even if it does
 * not change.
 */
bool api_profile_patch(struct exchange *x, struct err *err)
{
    struct change change = {.email_changes = false};
    const json_t *fields;
    const char *password;
    bool done;

    if (request_has_type(&x->request, "application/merge-patch+json"))
        x->request.content_type = "application/json";
    if (!exchange_fields(x, &fields, err) || !profile_members(fields, err) ||
        !json_text(fields, "name", &change.fields.name, err) ||
        !json_text(fields, "email", &change.fields.email, err) || !json_text(fields, "password", &password, err))
        return false;
    if (json_is_null(json_object_get(fields, "name")))
        change.fields.name = "";
    change.email_changes = json_object_get(fields, "email") != NULL && !is_email(x, change.fields.email);
    if (!trim(x, &change.fields.email, err))
        return false;
    change.email_changes = change.email_changes && !is_email(x, change.fields.email);
    if (!forget_same(x, &change, err))
        return false;
    change.fields.email = none_if_empty(change.fields.email);
    if (!account_check(&change.fields, err))
        return false;
    if (change.email_changes && none_if_empty(password) == NULL)
        return err_field(err, ERR_DENIED, "password", "a change of the e-mail address needs your current password");
    if (change.email_changes && !credentials_confirm(x, password, &change.account, &change.attempt, err))
        return false;
    if (x->replayed)
        return true;
    done = once(x, change_profile, &change, err);
    return change.email_changes ? credentials_settle(x, &change.attempt, done, err) : done;
}

struct closing {
    struct account account;
    struct attempt attempt;
};

static bool close_account(struct exchange *x, void *arg, struct err *err)
{
    const struct closing *closing = arg;
    struct session_store *store = &x->services->sessions;

    x->ends_session = true;
    if (!confirmed(x, &closing->account, &closing->attempt, err) || !session_confirm(store, &x->session, err) ||
        !account_close(store->db, &x->arena, &x->session.account, &x->forgets, err) ||
        !cookie_clear(&x->services->config, &x->response, COOKIE_SESSION, err) ||
        !cookie_clear(&x->services->config, &x->response, COOKIE_DEVICE, err))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/?closed=1", err);
    x->response.status = 204;
    return true;
}

bool api_profile_delete(struct exchange *x, struct err *err)
{
    struct closing closing;
    const char *password;

    return exchange_field(x, "password", &password, err) &&
           credentials_confirm(x, password, &closing.account, &closing.attempt, err) &&
           (x->replayed || credentials_settle(x, &closing.attempt, once(x, close_account, &closing, err), err));
}

struct password_change {
    struct account account;
    struct attempt attempt;
    bool keep_others;
    char hash[PASSWORD_HASH_BYTES];
};

/* In one transaction: the new hash, a new token for this session, and the end of the other sessions. */
static bool change_password(struct exchange *x, void *arg, struct err *err)
{
    struct password_change *change = arg;
    struct session_store *store = &x->services->sessions;
    char text[TOKEN_TEXT_BYTES];
    struct signed_in in = {.account = &change->account.id,
                           .token = text,
                           .profile = change->account.profile,
                           .location = "/account?saved=1"};
    struct token token;
    bool ok;

    if (account_set_password(store->db, &x->arena, &change->account.id, change->hash, change->account.password_hash,
                             err) != DB_ROW)
        return err_set(err, ERR_CONFLICT, "the password was changed by another request just now");
    token_new(x->services->clock, &token, text);
    x->ends_session = true;
    if (session_rotate(store, &x->arena, &x->session, &token, &in.remember, &in.expiry, err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "the session ended just now");
    ok = session_ids_add(&x->forgets, &x->arena, &x->session.id, err) &&
         (change->keep_others ||
          session_end_others(store, &x->arena, &x->session.account, &token.id, &x->forgets, err)) &&
         credentials_forgive(x, &change->attempt, err) && signed_in_answer(x, &in, err);
    bytes_wipe(text, sizeof text);
    return ok;
}

/* Refuses a member of another API that has another name here. */
static bool refuse_member(const char *name, struct err *err)
{
    if (strcmp(err->field, "password") == 0)
        snprintf(err->field, sizeof err->field, "%s", name);
    return false;
}

bool api_password(struct exchange *x, struct err *err)
{
    struct password_change change = {.keep_others = false};
    const char *current, *new;
    const json_t *fields;
    bool form;

    if (!exchange_field(x, "current", &current, err) || !exchange_field(x, "new", &new, err) ||
        !exchange_fields(x, &fields, err))
        return false;
    /*
     * A form does not send a box that is not ticked, so a missing field of a form means that other sessions stay; JSON
     * must say false.
     */
    form = request_has_type(&x->request, "application/x-www-form-urlencoded");
    change.keep_others = form ? !json_flag(fields, "end_others") : json_is_false(json_object_get(fields, "end_others"));
    /*
     * Checked before the current password, so that a new password that is refused does not count as a failed attempt.
     */
    if (!password_check(new, strlen(new), (const char *[]){x->session.username, x->session.email, current, NULL}, err))
        return refuse_member("new", err);
    if (!credentials_confirm(x, current, &change.account, &change.attempt, err))
        return refuse_member("current", err);
    if (x->replayed)
        return true;
    return credentials_hash(x, new, change.hash, err) &&
           credentials_settle(x, &change.attempt, signed_in_once(x, change_password, &change, err), err);
}
