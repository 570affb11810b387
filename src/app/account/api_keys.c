#include "app/api.h"
#include "app/once.h"
#include "app/page/page.h"
#include "app/tombstones.h"
#include "base/bytes.h"
#include "store/key.h"

#include <string.h>

/* Keys for programs: a session makes, lists and revokes them; a key can't do this (app/routes.c). */

/* --- GET /keys */

bool api_keys_list(struct exchange *x, struct err *err)
{
    const char *list;

    if (!key_list(&x->services->sessions, &x->arena, &x->session.account, &list, err))
        return false;
    return buf_printf(&x->response.body, "{\"keys\":%s}", list) || err_set(err, ERR_BUG, "answer is too long");
}

/* --- POST /keys */

static bool add_scope(const json_t *value, struct key_draft *draft, struct err *err)
{
    const char *name = json_string_value(value);
    unsigned scope = name != NULL ? key_scope_of(name, strlen(name)) : 0;

    draft->scopes |= scope;
    return scope != 0 || err_field(err, ERR_VALUE, "scopes", "scopes: one or more of gate, data, files and password");
}

/* Reads the scopes: a list in JSON, or the boxes scope_gate, scope_data, scope_files and scope_password of a form. */
static bool read_scopes(const json_t *fields, struct key_draft *draft, struct err *err)
{
    const json_t *list = json_object_get(fields, "scopes");

    for (unsigned scope = 1; scope < 1U << KEY_SCOPES; scope <<= 1) {
        char name[KEY_SCOPES_BYTES] = "scope_";

        strcat(name, key_scope_name(scope));
        if (json_flag(fields, name))
            draft->scopes |= scope;
    }
    if (list != NULL && !json_is_array(list))
        return err_field(err, ERR_VALUE, "scopes", "scopes: a list of names");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!add_scope(json_array_get(list, i), draft, err))
            return false;
    return true;
}

/* The value of one input of a form: names with spaces or commas between them. */
static bool split_sites(struct exchange *x, const char *text, const char **names, size_t *count, struct err *err)
{
    static const char between[] = ", \t\r\n";

    *count = 0;
    for (text += strspn(text, between); *text != '\0'; text += strspn(text, between)) {
        size_t length = strcspn(text, between);

        if (*count > KEY_SITES_MAX)
            break;
        names[*count] = arena_strndup(&x->arena, text, length);
        if (names[(*count)++] == NULL)
            return err_memory(err);
        text += length;
    }
    return true;
}

/*
 * Reads the sites; without any, the key is valid at all sites. One more than KEY_SITES_MAX is kept, for key_find_sites
 * to refuse.
 */
static bool read_sites(struct exchange *x, const json_t *fields, struct key_draft *draft, struct err *err)
{
    const json_t *list = json_object_get(fields, "sites");
    const char *names[KEY_SITES_MAX + 1];
    size_t count = 0;

    if (json_is_string(list)) {
        if (!split_sites(x, json_string_value(list), names, &count, err))
            return false;
    } else if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
        return err_field(err, ERR_VALUE, "sites", "sites: a list of names");
    }
    for (size_t i = 0; i < json_array_size(list) && count <= KEY_SITES_MAX; i++) {
        names[count] = json_string_value(json_array_get(list, i));
        if (names[count++] == NULL)
            return err_field(err, ERR_VALUE, "sites", "sites: a list of names");
    }
    draft->all_sites = count == 0 && !json_is_array(list);
    return key_find_sites(x->services->sessions.db, &x->arena, names, count, draft, err);
}

static bool tell_key(struct exchange *x, const struct token *token, const char *text, const char *expires_at,
                     struct err *err)
{
    char id[UUID_TEXT_BYTES];

    uuid_format(&token->id, id);
    x->response.status = 201;
    return buf_printf(&x->response.body, "{\"id\":\"%s\",\"key\":\"%s\",\"expires_at\":\"%s\"}", id, text,
                      expires_at) ||
           err_set(err, ERR_BUG, "answer is too long");
}

static bool make(struct exchange *x, void *arg, struct err *err)
{
    const struct key_draft *draft = arg;
    struct session_store *store = &x->services->sessions;
    char text[TOKEN_TEXT_BYTES];
    const char *expires_at;
    struct token token;
    bool ok;

    if (!sessions_lock(store, &x->arena, &x->session.account, err))
        return false;
    switch (session_recent(store, &x->arena, &x->session, KEY_RECENT_S, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_DENIED, "a key is made within %d minutes after a log-in; log in again",
                       KEY_RECENT_S / 60);
    case DB_ROW:
        break;
    }
    token_new_key(x->services->clock, &token, text);
    ok = key_add(store, &x->arena, &x->session.account, &token, draft, &expires_at, err) &&
         tell_key(x, &token, text, expires_at, err);
    bytes_wipe(text, sizeof text);
    return ok;
}

bool api_keys_make(struct exchange *x, struct err *err)
{
    const struct config *config = &x->services->config;
    int64_t usual = config->key_s < config->key_max_s ? config->key_s : config->key_max_s;
    struct key_draft draft = {.scopes = 0};
    const json_t *fields;

    if (!exchange_field(x, "name", &draft.name, err) || !exchange_fields(x, &fields, err) ||
        !read_scopes(fields, &draft, err) || !key_check(&draft, err) ||
        !json_whole(fields, "expires_in", usual, 1, config->key_max_s, &draft.seconds, err) ||
        !read_sites(x, fields, &draft, err) || !once(x, make, &draft, err))
        return false;
    return !request_wants_page(&x->request) || page_key(x, err);
}

/* --- DELETE /keys/ID, POST /keys/ID/revoke */

static bool revoke(struct exchange *x, void *arg, struct err *err)
{
    const struct uuid *id = arg;

    switch (key_revoke(&x->services->sessions, &x->arena, id, &x->session.account, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        /* As of a session (session/api_sessions.c): the worker that revoked it may have died before the tombstone. */
        tombstone_write_now(x, id);
        return err_set(err, ERR_ABSENT, "there is no such key of yours");
    case DB_ROW:
        break;
    }
    if (!session_ids_add(&x->forgets, &x->arena, id, err))
        return false;
    if (request_wants_page(&x->request))
        return response_see_other(&x->response, "/account?key_revoked=1", err);
    x->response.status = 204;
    return true;
}

bool api_keys_revoke(struct exchange *x, struct err *err)
{
    struct uuid id;

    if (!uuid_parse(x->match.parameter, &id))
        return err_set(err, ERR_ABSENT, "there is no such key of yours");
    return once(x, revoke, &id, err);
}
