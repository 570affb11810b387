#include "app/gate/identity.h"

#include "base/percent.h"

#include <string.h>
#include <strings.h>

/* What begins an ext-value in front of its language, which is not told. */
static const char extended[] = "UTF-8''";

bool identity_value(struct buf *out, const char *text)
{
    bool plain = strncasecmp(text, "UTF-8'", sizeof extended - 2) != 0 && text[0] != ' ';

    for (const char *c = text; plain && *c != '\0'; c++)
        plain = *c >= ' ' && *c <= '~' && (*c != ' ' || c[1] != '\0');
    return plain ? buf_add_string(out, text) : buf_add_string(out, extended) && percent_add(out, text, "!#$&+^`|");
}

static bool add(struct exchange *x, const char *name, const char *value)
{
    struct buf *headers = &x->response.headers;

    return BUF_ADD_STRINGS(headers, name, ": ") && identity_value(headers, value) && buf_add_string(headers, "\r\n");
}

/* A group's name is ASCII (base/text_limit.h). */
static bool add_groups(struct exchange *x, const char *list)
{
    size_t length = strlen(list);

    if (length > IDENTITY_GROUPS_BYTES)
        for (length = IDENTITY_GROUPS_BYTES; length > 0 && list[length] != ',';)
            length--;
    return buf_add_string(&x->response.headers, "X-Auth-Groups: ") && buf_add(&x->response.headers, list, length) &&
           buf_add_string(&x->response.headers, "\r\n");
}

/* Most have none, and PostgreSQL's row_to_json writes that in one way; the others' is read. "" when there is none. */
static const char *display_name(const struct exchange *x, json_t **profile)
{
    const char *name = NULL;

    *profile = strstr(x->session.profile, "\"name\":null") == NULL ? json_loads(x->session.profile, 0, NULL) : NULL;
    name = json_string_value(json_object_get(*profile, "name"));
    return name != NULL ? name : "";
}

static const char *user_of(const struct exchange *x, const char *id)
{
    /* Who has no username is not called by an address that nobody has verified. */
    return x->session.username[0] != '\0' ? x->session.username : id;
}

/* "a,b" */
static json_t *groups_of(const char *list)
{
    json_t *groups = json_array();

    while (groups != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");

        if (json_array_append_new(groups, json_stringn(list, length)) != 0) {
            json_decref(groups);
            return NULL;
        }
        list += length + (list[length] == ',');
    }
    return groups;
}

bool identity_json(struct exchange *x, struct err *err)
{
    json_t *identity = json_new_object(&x->arena), *profile = NULL;
    char id[UUID_TEXT_BYTES];
    const char *text = NULL;

    uuid_format(&x->session.account, id);
    if (identity != NULL && json_object_set_new(identity, "user", json_string(user_of(x, id))) == 0 &&
        json_object_set_new(identity, "id", json_string(id)) == 0 &&
        json_object_set_new(identity, "email", json_string(x->session.email)) == 0 &&
        json_object_set_new(identity, "name", json_string(display_name(x, &profile))) == 0 &&
        json_object_set_new(identity, "groups", groups_of(x->session.groups)) == 0)
        text = json_write(&x->arena, identity);
    json_decref(profile);
    return text != NULL ? response_json(&x->response, 200, text, err) : err_memory(err);
}

bool identity_headers(struct exchange *x, struct err *err)
{
    char id[UUID_TEXT_BYTES];
    json_t *profile = NULL;
    bool ok;

    if (!x->has_session)
        return buf_add_string(&x->response.headers,
                              "X-Auth-User: \r\nX-Auth-Id: \r\nX-Auth-Email: \r\nX-Auth-Name: \r\n"
                              "X-Auth-Groups: \r\nX-Auth-Method: \r\n") ||
               err_memory(err);
    uuid_format(&x->session.account, id);
    ok = add(x, "X-Auth-User", user_of(x, id)) && add(x, "X-Auth-Id", id) && add(x, "X-Auth-Email", x->session.email) &&
         add(x, "X-Auth-Name", display_name(x, &profile));
    json_decref(profile);
    ok = ok && add_groups(x, x->session.groups) && add(x, "X-Auth-Method", x->by_key ? "key" : "session");
    return ok || err_memory(err);
}
