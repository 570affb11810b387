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
    /* Who has no username is not called by an address that nobody has verified. */
    ok = add(x, "X-Auth-User", x->session.username[0] != '\0' ? x->session.username : id) && add(x, "X-Auth-Id", id) &&
         add(x, "X-Auth-Email", x->session.email) && add(x, "X-Auth-Name", display_name(x, &profile));
    json_decref(profile);
    ok = ok && add_groups(x, x->session.groups) && add(x, "X-Auth-Method", x->by_key ? "key" : "session");
    return ok || err_memory(err);
}
