#include "app/api.h"
#include "app/file/file_lookup.h"
#include "app/once.h"
#include "app/page/page.h"
#include "base/bytes.h"
#include "store/file_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The owner makes, lists and revokes links to files here. api_shared.c answers requests for links. */

#define SHARED "/shared/"

enum { URL_BYTES = sizeof SHARED + FILE_LINK_TOKEN_BYTES };

static bool no_file(struct err *err)
{
    return err_set(err, ERR_ABSENT, "there is no such file of yours");
}

/* --- POST /files/ID/link */

struct making {
    struct uuid file;
    int64_t seconds;
    int64_t uses; /* 0: any number */
};

static bool make(struct exchange *x, void *arg, struct err *err)
{
    const struct making *making = arg;
    struct buf *body = &x->response.body;
    struct file_link link;
    char id[UUID_TEXT_BYTES];
    bool ok;

    switch (file_link_add(&x->services->files, &x->services->secret, &x->arena, &making->file, &x->session.account,
                          making->seconds, making->uses, &link, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_CONFLICT, "a file has at most %d links at a time; revoke one", FILE_LINKS_MAX);
    case DB_ROW:
        break;
    }
    uuid_format(&link.id, id);
    x->response.status = 201;
    ok = buf_printf(body, "{\"id\":\"%s\",\"url\":\"" SHARED "%s\",\"expires_at\":\"%s\",\"uses_left\":", id,
                    link.token, link.expires_at) &&
         (making->uses > 0 ? buf_printf(body, "%lld}", (long long)making->uses) : buf_add_string(body, "null}"));
    bytes_wipe(link.token, sizeof link.token);
    return ok || err_set(err, ERR_BUG, "answer is too long");
}

bool api_links_make(struct exchange *x, struct err *err)
{
    const struct config *config = &x->services->config;
    int64_t usual = config->link_s < config->link_max_s ? config->link_s : config->link_max_s;
    struct making making;
    const json_t *fields;
    struct file file;

    if (!exchange_fields(x, &fields, err) ||
        !json_whole(fields, "expires_in", usual, 1, config->link_max_s, &making.seconds, err) ||
        !json_whole(fields, "uses", 0, 1, FILE_LINK_USES_MAX, &making.uses, err) || !file_lookup(x, &file, err))
        return false;
    making.file = file.id;
    if (!once(x, make, &making, err))
        return false;
    return !request_wants_page(&x->request) || page_link(x, err);
}

/* --- GET /files/ID/links, DELETE /files/ID/links/LINK, POST /files/ID/links/LINK/revoke */

bool api_links_list(struct exchange *x, struct err *err)
{
    const char *json;
    struct uuid id;

    if (request_wants_page(&x->request))
        return page_links(x, err);
    if (!file_lookup_id(x, &id, err))
        return false;
    if (file_link_list(&x->services->files, &x->arena, &id, &x->session.account, &json, err) != DB_ROW)
        return no_file(err);
    return buf_printf(&x->response.body, "{\"links\":%s}", json) || err_set(err, ERR_BUG, "answer is too long");
}

struct revoking {
    struct uuid file, link;
};

static bool see_links(struct exchange *x, struct err *err)
{
    const char *place = arena_printf(&x->arena, "/files/%s/links?revoked=1", x->match.parameter);

    return place != NULL ? response_see_other(&x->response, place, err) : err_memory(err);
}

static bool revoke(struct exchange *x, void *arg, struct err *err)
{
    const struct revoking *revoking = arg;

    if (file_link_revoke(&x->services->files, &x->arena, &revoking->file, &x->session.account, &revoking->link, err) !=
        DB_ROW)
        return err_set(err, ERR_ABSENT, "there is no such link of yours");
    if (request_wants_page(&x->request))
        return see_links(x, err);
    x->response.status = 204;
    return true;
}

bool api_links_revoke(struct exchange *x, struct err *err)
{
    struct revoking revoking;

    if (!file_lookup_id(x, &revoking.file, err))
        return false;
    if (!uuid_parse(x->match.second, &revoking.link))
        return err_set(err, ERR_ABSENT, "there is no such link of yours");
    return once(x, revoke, &revoking, err);
}
