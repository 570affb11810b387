#include "app/page/page.h"

#include "app/account/device.h"
#include "app/account/form_token.h"
#include "app/account/signed_in.h"
#include "app/gate/way.h"
#include "app/page/files_page.h"
#include "app/page/keys_page.h"
#include "app/page/page_limit.h"
#include "app/page/query.h"
#include "app/page/sites_page.h"
#include "app/page/values.h"
#include "http/json_show.h"
#include "http/problem.h"
#include "http/template.h"
#include "store/document.h"

#include <string.h>

/*
 * A page loads only files of this site, so injected markup can't run anything. Browsers hold form-action against each
 * redirect of the answer too, so the log-in of somebody who comes from another site has that site there.
 */
#define POLICY(site)                                                                                                   \
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "              \
    "form-action 'self'" site "; base-uri 'none'; frame-ancestors 'none'"

/* NULL: memory is out. */
static const char *policy_of(struct exchange *x, const json_t *values)
{
    const char *site = way_origin(x, json_string_value(json_object_get(values, "rd")));

    return site != NULL ? arena_printf(&x->arena, POLICY(" %s"), site) : POLICY("");
}

static bool set_user(struct exchange *x, json_t *values)
{
    char token[FORM_TOKEN_BYTES];
    json_t *user = json_loads(x->session.profile, 0, NULL);
    const char *name = json_string_value(json_object_get(user, "name"));
    const char *display = name != NULL && name[0] != '\0'  ? name
                          : x->session.username[0] != '\0' ? x->session.username
                                                           : x->session.email;

    form_token_make(&x->services->secret, &x->session, "", token);
    return user != NULL && values_set_text(user, "display", display) &&
           json_object_set_new(values, "user", user) == 0 && values_set_text(values, "csrf", token);
}

/* Looks up the visitor for pages that need no session, and for pages of errors: they show the name too. */
static void know_visitor(struct exchange *x)
{
    if (x->has_session || !x->has_token || x->by_key || x->lookup.found != DB_ROW)
        return;
    x->has_session = true;
    x->session = x->lookup.session;
}

static bool set_brand(const struct config *config, json_t *values)
{
    json_t *brand = json_object();

    return brand != NULL && json_object_set_new(values, "brand", brand) == 0 &&
           values_set_text(brand, "name", config->brand_name) && values_set_text(brand, "logo", config->brand_logo) &&
           values_set_text(brand, "css", config->brand_css[0] != '\0' ? config->brand_css : NULL);
}

/* Sets whether visitors can register, and the address for help. */
static bool set_registration(const struct config *config, json_t *values)
{
    return (strcmp(config->registration, "closed") == 0 || values_set_true(values, "may_register")) &&
           (strcmp(config->registration, "invite") != 0 || values_set_true(values, "by_invitation")) &&
           values_set_text(values, "support_url", config->support_url[0] != '\0' ? config->support_url : NULL);
}

/* Whether the request has a token that could not be looked up, because the database can't be reached. */
static bool is_unknown(const struct exchange *x)
{
    return x->has_token && !x->has_session && x->lookup.found == DB_FAIL;
}

/* Makes the values that every page has. here: the name of the page. NULL: memory is out. */
static json_t *common_values(struct exchange *x, const char *here, const char *title)
{
    const struct config *config = &x->services->config;
    json_t *values = json_new_object(&x->arena);
    json_t *place = json_object();

    know_visitor(x);
    if (values == NULL || place == NULL || !values_set_true(place, here) ||
        json_object_set_new(values, "here", place) != 0 || !values_set_text(values, "title", title) ||
        !set_registration(config, values) || !set_brand(config, values) ||
        json_object_set_new(values, "demo", json_boolean(config->demo)) != 0 ||
        !values_set_text(values, "worker", config->demo && config->worker_header ? x->services->worker : NULL) ||
        !values_set_text(values, "request_id", x->request.request_id) || (x->has_session && !set_user(x, values)) ||
        (is_unknown(x) && !values_set_true(values, "unknown")))
        return NULL;
    return values;
}

static bool render(struct exchange *x, const char *name, const json_t *values, struct err *err)
{
    /* The page may have set another policy. */
    bool told = response_header_find(&x->response, &x->arena, "Referrer-Policy") != NULL;
    const char *policy = policy_of(x, values);

    if (policy == NULL)
        return err_memory(err);
    x->response.type = "text/html; charset=utf-8";
    return response_header(&x->response, "Content-Security-Policy", policy, err) &&
           (told || response_header(&x->response, "Referrer-Policy", "same-origin", err)) &&
           response_header(&x->response, "X-Frame-Options", "DENY", err) &&
           template_render(&template_pages, name, values, &x->response.body, err);
}

/*
 * The address of the page names what has just succeeded. The texts are constants, so an address can't show other words.
 */
static const char *notice(struct exchange *x)
{
    static const struct {
        const char *field;
        const char *text;
    } notices[] = {
        {"registered", "Your account is ready. Log in to use it."},
        {"saved", "Your changes are saved."},
        {"ended", "The device is logged out."},
        {"closed", "Your account is closed and everything in it is removed."},
        {"uploaded", "The upload is complete."},
        {"renamed", "The file is renamed."},
        {"deleted", "The file is deleted."},
        {"revoked", "The link is revoked."},
        {"key_revoked", "The key is revoked. Nothing that has it gets in any more."},
    };

    for (size_t i = 0; x->request.query[0] != '\0' && i < sizeof notices / sizeof notices[0]; i++) {
        const char *value = query_page_text(x, notices[i].field);

        if (value != NULL && strcmp(value, "1") == 0)
            return notices[i].text;
    }
    return NULL;
}

static bool show(struct exchange *x, const char *name, const char *title, struct err *err)
{
    json_t *values = common_values(x, name, title);

    if (values == NULL || !values_set_text(values, "notice", notice(x)))
        return err_memory(err);
    return render(x, name, values, err);
}

bool page_index(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x, "index", NULL);

    if (values == NULL || !values_set_text(values, "notice", notice(x)))
        return err_memory(err);
    return (!x->has_session || sites_page_fill(x, values, err)) && render(x, "index", values, err);
}

bool page_workers(struct exchange *x, struct err *err)
{
    if (!x->services->config.demo)
        return err_set(err, ERR_ABSENT, "there is nothing here");
    return show(x, "workers", "Workers", err);
}

/*
 * Sets where to go after the log-in, for a field of the form and for the links between log-in and registration, which
 * keep it.
 */
static bool set_way_back(struct exchange *x, json_t *values, const char *rd)
{
    const char *way = signed_in_location(rd, NULL);

    return way == NULL ||
           (values_set_text(values, "rd", way) && values_set_text(values, "rd_query", signed_in_query(x, way)));
}

/* NULL when memory is out. */
static json_t *entrance_values(struct exchange *x, const char *name, const char *title)
{
    json_t *values = common_values(x, name, title);

    return values != NULL && values_set_text(values, "notice", notice(x)) &&
                   set_way_back(x, values, query_page_text(x, "rd"))
               ? values
               : NULL;
}

bool page_login(struct exchange *x, struct err *err)
{
    const json_t *values = entrance_values(x, "login", "Log in");

    return values != NULL ? render(x, "login", values, err) : err_memory(err);
}

bool page_login_to(struct exchange *x, const char *way, struct err *err)
{
    json_t *values = common_values(x, "login", "Log in");

    if (values == NULL || !set_way_back(x, values, way))
        return err_memory(err);
    return render(x, "login", values, err);
}

bool page_register(struct exchange *x, struct err *err)
{
    const char *invite = query_page_text(x, "invite");
    json_t *values;

    if (strcmp(x->services->config.registration, "closed") == 0)
        return err_set(err, ERR_DENIED, "registration is closed here");
    values = entrance_values(x, "register", "Create an account");
    if (values == NULL ||
        (invite != NULL && strlen(invite) <= PAGE_TYPED_BYTES && !values_set_text(values, "invite", invite)))
        return err_memory(err);
    return render(x, "register", values, err);
}

/* Sets the text of a document, indented, and whether it is cut off. */
static bool set_document(struct exchange *x, json_t *values, const char *name, const char *cut_name,
                         enum document_kind kind, const struct uuid *owner, struct err *err)
{
    struct document document;
    const char *text;
    bool cut;

    if (!document_get(x->services->sessions.db, &x->arena, kind, owner, &document, err))
        return false;
    text = json_show(&x->arena, document.json, PAGE_DOCUMENT_BYTES, &cut);
    return (text != NULL && values_set_text(values, name, text) && (!cut || values_set_true(values, cut_name))) ||
           err_memory(err);
}

static bool set_sessions(struct exchange *x, json_t *values, struct err *err)
{
    const char *list;
    json_t *sessions, *session;
    size_t index, count;

    if (!session_list(&x->services->sessions, &x->arena, &x->session.account, &x->session.id, &list, err) ||
        !json_read(&x->arena, list, strlen(list), &sessions, err))
        return false;
    for (count = json_array_size(sessions); json_array_size(sessions) > PAGE_SESSIONS_MAX;)
        json_array_remove(sessions, PAGE_SESSIONS_MAX);
    json_array_foreach(sessions, index, session)
    {
        const char *agent = json_string_value(json_object_get(session, "user_agent"));

        if (agent != NULL && !values_set_text(session, "device", device_name(&x->arena, agent)))
            return err_memory(err);
    }
    if (json_object_set(values, "sessions", sessions) != 0 ||
        json_object_set_new(values, "others", json_integer((json_int_t)count - 1)) != 0 ||
        json_object_set_new(values, "more", json_boolean(count > PAGE_SESSIONS_MAX)) != 0)
        return err_memory(err);
    return true;
}

static bool fill_account(struct exchange *x, json_t *values, struct err *err)
{
    const json_t *user = json_object_get(values, "user");

    if (!values_set_text(values, "name", json_string_value(json_object_get(user, "name"))) ||
        !values_set_text(values, "email", json_string_value(json_object_get(user, "email"))))
        return err_memory(err);
    return set_sessions(x, values, err) && keys_page_fill(x, values, err) &&
           set_document(x, values, "data", "data_cut", DOCUMENT_SESSION, &x->session.id, err) &&
           set_document(x, values, "profile_data", "profile_data_cut", DOCUMENT_PROFILE, &x->session.account, err);
}

bool page_account(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x, "account", "Your account");

    if (values == NULL || !values_set_text(values, "notice", notice(x)))
        return err_memory(err);
    return fill_account(x, values, err) && render(x, "account", values, err);
}

bool page_key(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x, "account", "Your account");

    if (values == NULL)
        return err_memory(err);
    if (!keys_page_fill_new(x, values, err) || !fill_account(x, values, err))
        return false;
    buf_init(&x->response.body, &x->arena, RESPONSE_BODY_MAX);
    return render(x, "account", values, err);
}

bool page_files(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x, "files", "Files");

    if (values == NULL || !values_set_text(values, "notice", notice(x)))
        return err_memory(err);
    return files_page_fill(x, values, err) && render(x, "files", values, err);
}

bool page_link(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x, "files", "Files");

    if (values == NULL)
        return err_memory(err);
    if (!files_page_fill_link(x, values, err) || !files_page_fill(x, values, err))
        return false;
    buf_init(&x->response.body, &x->arena, RESPONSE_BODY_MAX);
    return render(x, "files", values, err);
}

bool page_links(struct exchange *x, struct err *err)
{
    json_t *values = common_values(x, "links", "Links to a file");

    if (values == NULL || !values_set_text(values, "notice", notice(x)))
        return err_memory(err);
    return files_page_fill_links(x, values, err) && render(x, "links", values, err);
}

bool page_shared(struct exchange *x, const struct file *file, int64_t left, struct err *err)
{
    json_t *values = common_values(x, "shared", "A file for you");

    if (values == NULL || !values_set_text(values, "name", file->name) ||
        !values_set_text(values, "size", arena_printf(&x->arena, "%lld", (long long)file->size)) ||
        (left == 1 ? !values_set_true(values, "last")
                   : !values_set_text(values, "left", arena_printf(&x->arena, "%lld", (long long)left))))
        return err_memory(err);
    return response_header(&x->response, "Referrer-Policy", "no-referrer", err) && render(x, "shared", values, err);
}

/* The page with the form that was refused, by the route that has refused it. */
static const char *form_page(const struct exchange *x)
{
    static const struct {
        const char *route;
        const char *page;
    } pages[] = {
        {"/login", "login"},          {"/register", "register"},      {"/profile", "account"},
        {"/password", "account"},     {"/profile/delete", "account"}, {"/keys", "account"},
        {"/upload", "files"},         {"/files/:id/rename", "files"}, {"/files/:id/delete", "files"},
        {"/files/:id/link", "files"},
    };

    if (x->match.route == NULL || x->request.method != METHOD_POST)
        return NULL;
    /* A form that would be refused is not shown. */
    if (strcmp(x->match.route->path, "/register") == 0 && strcmp(x->services->config.registration, "closed") == 0)
        return NULL;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strcmp(x->match.route->path, pages[i].route) == 0)
            return x->match.route->need != NEED_LOGIN || x->has_session ? pages[i].page : NULL;
    return NULL;
}

/* Shows what was typed again, except passwords. */
static bool set_typed(struct exchange *x, json_t *values)
{
    static const char *const names[] = {"username", "email", "name", "invite"};

    /* The account's page has a name of its own. */
    if (strcmp(x->match.route->path, "/keys") == 0)
        return keys_page_typed(x, values);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *typed = json_object_get(x->fields, names[i]);

        if (json_string_length(typed) > 0 && json_string_length(typed) <= PAGE_TYPED_BYTES &&
            json_object_set(values, names[i], typed) != 0)
            return false;
    }
    return set_way_back(x, values, json_string_value(json_object_get(x->fields, "rd"))) &&
           (!json_flag(x->fields, "remember") || values_set_true(values, "remember"));
}

/* The account page has two inputs that handlers call "password", and two called "name"; this finds the right one. */
static const char *invalid_input(const struct exchange *x, const struct err *shown)
{
    const char *path = x->match.route != NULL ? x->match.route->path : "";

    if (!shown->is_internal && strcmp(path, "/keys") == 0)
        return keys_page_input(shown->field);
    if (shown->is_internal || strcmp(shown->field, "password") != 0)
        return problem_of(shown).field;
    return strcmp(path, "/profile") == 0 ? "confirmation" : shown->field;
}

static bool set_error(json_t *values, const struct err *shown, const char *field)
{
    struct problem problem = problem_of(shown);
    json_t *error = json_object(), *invalid = json_object();

    return error != NULL && invalid != NULL && json_object_set_new(values, "error", error) == 0 &&
           json_object_set_new(values, "invalid", invalid) == 0 && values_set_text(error, "title", problem.title) &&
           values_set_text(error, "detail", problem.detail) && (field[0] == '\0' || values_set_true(invalid, field)) &&
           (shown->retry_after_s == 0 ||
            json_object_set_new(values, "retry_after", json_integer(shown->retry_after_s)) == 0);
}

bool page_error(struct exchange *x, const struct err *shown, struct err *err)
{
    bool outage = shown->kind == ERR_DOWN || shown->kind == ERR_BUG;
    const char *form = outage ? NULL : form_page(x);
    json_t *values = common_values(x, form != NULL ? form : "error", problem_of(shown).title);

    if (values == NULL || !set_error(values, shown, invalid_input(x, shown)))
        return err_memory(err);
    if (form != NULL && strcmp(form, "account") == 0 && !fill_account(x, values, err))
        return false;
    if (form != NULL && strcmp(form, "files") == 0 && !files_page_fill(x, values, err))
        return false;
    if (form != NULL && !set_typed(x, values))
        return err_memory(err);
    return render(x, form != NULL ? form : "error", values, err);
}
