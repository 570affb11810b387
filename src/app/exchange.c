#include "app/exchange.h"

#include "app/account/cookie.h"
#include "app/nginx_number.h"
#include "http/basic.h"
#include "http/form.h"
#include "store/key.h"

#include <string.h>
#include <strings.h>

static void take_key(struct exchange *x, const char *text, size_t length)
{
    x->by_key = x->lookup.is_key = true;
    x->has_token = token_parse_key(text, length, &x->lookup.token);
    /* A program sent it, so it gets JSON: pages have forms, and no form accepts a key. */
    x->request.accept = "";
}

/*
 * Finds a key as the password of Basic. Any other password is meant for another program, such as a staging site's
 * auth_basic.
 */
static bool find_basic(struct exchange *x, struct err *err)
{
    struct basic basic;

    if (!basic_read(&x->arena, x->request.authorization, &basic, err) ||
        !token_is_key(basic.password, strlen(basic.password)))
        return false;
    x->by_basic = true;
    x->basic_name = basic.name;
    take_key(x, basic.password, strlen(basic.password));
    return true;
}

/*
 * Whether Authorization names the session. Cookies are then ignored, even if the token is invalid. Another scheme is
 * meant for others, such as a staging site's auth_basic, and a Bearer without a token comes from a script that has
 * none.
 */
static bool find_bearer(struct exchange *x)
{
    size_t length;
    const char *text = request_bearer(&x->request, &length);

    if (text != NULL && token_is_key(text, length)) {
        take_key(x, text, length);
        return true;
    }
    x->has_token = text != NULL && token_parse(text, length, &x->lookup.token);
    /* At a site it may be the app's own token, so only a token of mayfly counts there. */
    if (x->request.target[0] != '\0')
        return x->has_token;
    return x->has_token || (text != NULL && strncasecmp(x->request.authorization, "Bearer ", strlen("Bearer ")) == 0);
}

/* A cookie of a visit counts only at a site. */
static bool read_cookie(struct exchange *x, const char *text, size_t length, struct session_lookup *lookup)
{
    *lookup = (struct session_lookup){.state = CACHED_UNKNOWN};
    if (token_parse(text, length, &lookup->token))
        return true;
    if (x->request.target[0] == '\0' || !visit_parse(text, length, &lookup->visit))
        return false;
    lookup->token.id = lookup->visit.session;
    lookup->visit_scope = &x->visit_scope;
    return true;
}

/* Adds the tokens in cookies of a name, up to COOKIES_MAX of all names. */
static bool add_cookies(struct exchange *x, const char *name, size_t *count, struct err *err)
{
    const char *text = NULL;
    struct session_lookup lookup;
    size_t length;

    while (*count < COOKIES_MAX && (text = request_cookie(&x->request, name, text, &length)) != NULL) {
        if (!read_cookie(x, text, length, &lookup))
            continue;
        if (*count == 0)
            x->lookup = lookup;
        else if (x->others == NULL &&
                 (x->others = arena_zalloc(&x->arena, (COOKIES_MAX - 1) * sizeof *x->others)) == NULL)
            return err_memory(err);
        else
            x->others[x->others_count++] = lookup;
        ++*count;
    }
    return true;
}

static bool find_cookies(struct exchange *x, struct err *err)
{
    const struct config *config = &x->services->config;
    const char *name = cookie_name(config, COOKIE_SESSION), *visit = cookie_name(config, COOKIE_VISIT);
    size_t count = 0;

    if (!add_cookies(x, name, &count, err) ||
        (x->request.target[0] != '\0' && strcmp(name, visit) != 0 && !add_cookies(x, visit, &count, err)))
        return false;
    x->has_token = x->by_cookie = count > 0;
    return true;
}

size_t exchange_lookups(struct exchange *x, struct session_lookup **lookups)
{
    lookups[0] = &x->lookup;
    for (size_t i = 0; i < x->others_count; i++)
        lookups[i + 1] = &x->others[i];
    return x->others_count + 1;
}

/* In ASCII, case does not matter. */
static bool is_called(const struct session *session, const char *name)
{
    return name[0] != '\0' && (strcasecmp(name, session->username) == 0 || strcasecmp(name, session->email) == 0);
}

static void settle_key(struct exchange *x)
{
    const struct session *key = &x->lookup.session;

    x->scopes = key->scopes;
    if (!x->by_basic)
        return;
    x->scopes = (key->scopes & KEY_PASSWORD) != 0 ? key->scopes | KEY_GATE : 0;
    if (!is_called(key, x->basic_name))
        x->lookup.found = DB_NONE;
}

void exchange_choose(struct exchange *x)
{
    /* A session that can't be looked up now may be live, so it is preferred to one that has ended. */
    static const int worth[] = {[DB_ROW] = 2, [DB_FAIL] = 1, [DB_NONE] = 0};

    for (size_t i = 0; i < x->others_count; i++)
        if (worth[x->others[i].found] > worth[x->lookup.found]) {
            const struct session_lookup better = x->others[i];

            x->others[i] = x->lookup;
            x->lookup = better;
        }
    if (x->by_key && x->lookup.found == DB_ROW)
        settle_key(x);
}

void exchange_open(struct exchange *x, struct services *services, const char *const *params,
                   const struct body_source *body, struct err *err)
{
    *x = (struct exchange){.services = services, .started_us = services->clock->monotonic_us(), .arena = x->arena};
    response_init(&x->response, &x->arena);
    x->request.body = *body;
    if (request_parse(&x->request, params, err)) {
        nginx_number_check(services, &x->request);
        if (!find_bearer(x) && !find_basic(x, err) && err->kind == ERR_NONE)
            (void)!find_cookies(x, err);
    }
    trace_begin(&x->trace, services->worker, x->request.traceparent, x->request.request_id);
}

bool exchange_stay(struct exchange *x, struct err *err)
{
    const char **const texts[] = {&x->session.profile, &x->session.username, &x->session.email, &x->session.groups};

    for (size_t i = 0; x->has_session && i < sizeof texts / sizeof texts[0]; i++)
        if ((*texts[i] = arena_strdup(&x->arena, *texts[i])) == NULL)
            return err_memory(err);
    if (x->has_session && x->session.site_count > 0) {
        size_t bytes = x->session.site_count * sizeof *x->session.sites;
        struct uuid *sites = arena_alloc(&x->arena, bytes);

        if (sites == NULL)
            return err_memory(err);
        memcpy(sites, x->session.sites, bytes);
        x->session.sites = sites;
    }
    return true;
}

void exchange_close(struct exchange *x)
{
    arena_reset(&x->arena);
}

bool exchange_body(struct exchange *x, struct err *err)
{
    if (x->body_read)
        return true;
    if (!request_body(&x->request, &x->arena, BODY_MAX_BYTES, &x->body, err))
        return false;
    x->body_read = true;
    return true;
}

static bool read_fields(struct exchange *x, struct err *err)
{
    const struct buf *body = &x->body;

    if (request_has_type(&x->request, "application/x-www-form-urlencoded"))
        return form_read(&x->arena, body->bytes, body->length, &x->fields, err);
    if (request_has_type(&x->request, "application/json"))
        return json_read_object(&x->arena, body->bytes, body->length, &x->fields, err);
    if (body->length > 0)
        return err_set(err, ERR_TYPE, "send application/json or application/x-www-form-urlencoded");
    x->fields = json_new_object(&x->arena);
    return x->fields != NULL || err_memory(err);
}

bool exchange_fields(struct exchange *x, const json_t **fields, struct err *err)
{
    if (x->fields == NULL && (!exchange_body(x, err) || !read_fields(x, err)))
        return false;
    *fields = x->fields;
    return true;
}

bool exchange_field(struct exchange *x, const char *name, const char **text, struct err *err)
{
    const json_t *fields;

    if (!exchange_fields(x, &fields, err) || !json_text(fields, name, text, err))
        return false;
    if (*text == NULL || (*text)[0] == '\0')
        return err_field(err, ERR_VALUE, name, "%s: is missing", name);
    return true;
}

bool exchange_mutates(const struct exchange *x)
{
    return (x->request.method & (METHOD_GET | METHOD_HEAD | METHOD_OPTIONS)) == 0;
}
