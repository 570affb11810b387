#include "app/session/app_caller.h"

#include "store/site_key.h"

bool app_caller(struct exchange *x, struct err *err)
{
    const char *text;
    struct token token;
    size_t length;

    x->has_caller = false;
    text = request_bearer(&x->request, &length);
    if (text == NULL || !token_parse_key(text, length, &token))
        return err_set(err, ERR_LOGIN, "this needs a key of the site's own server, as Authorization: Bearer");
    if (site_key_find(x->services->sessions.db, &x->arena, &token, &x->caller, err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "this is no key of a site's own server, or it was revoked");
    x->has_caller = true;
    x->site_key = token.id;
    return true;
}
