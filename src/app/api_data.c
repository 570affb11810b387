#include "app/api.h"
#include "app/once.h"
#include "http/etag.h"
#include "store/document.h"

static const struct uuid *owner_of(const struct exchange *x, enum document_kind kind)
{
    return kind == DOCUMENT_SESSION ? &x->session.id : &x->session.account;
}

static bool tag(struct exchange *x, int64_t version, struct err *err)
{
    char text[ETAG_BYTES];

    etag_format(version, text);
    return response_header(&x->response, "ETag", text, err);
}

static bool get(struct exchange *x, enum document_kind kind, struct err *err)
{
    struct document document;
    bool same;

    if (!document_get(x->services->sessions.db, &x->arena, kind, owner_of(x, kind), &document, err) ||
        !etag_listed(x->request.if_none_match, document.version, true, &same, err) || !tag(x, document.version, err))
        return false;
    if (same) {
        x->response.status = 304;
        return true;
    }
    return response_json(&x->response, 200, document.json, err);
}

enum change_kind { CHANGE_PUT, CHANGE_PATCH, CHANGE_DELETE };

struct change {
    enum document_kind kind;
    enum change_kind change;
    const char *json;
};

/* RFC 9110, section 13.2.2, on the locked row, so that nothing can change between the check and the write. */
static bool check_preconditions(struct exchange *x, int64_t version, struct err *err)
{
    const char *match = x->request.if_match, *none_match = x->request.if_none_match;
    bool listed;

    if (match[0] != '\0') {
        if (!etag_listed(match, version, false, &listed, err))
            return false;
        if (!listed)
            return err_set(err, ERR_STALE, "the document is at version \"%lld\" now", (long long)version);
    }
    if (none_match[0] != '\0') {
        if (!etag_listed(none_match, version, true, &listed, err))
            return false;
        if (listed)
            return err_set(err, ERR_STALE, "the document is there already, at version \"%lld\"", (long long)version);
    }
    return true;
}

static bool write_change(struct exchange *x, void *arg, struct err *err)
{
    const struct change *change = arg;
    const struct uuid *owner = owner_of(x, change->kind);
    struct db *db = x->services->sessions.db;
    struct document document;
    int64_t version;
    bool ok;

    if (document_lock(db, &x->arena, change->kind, owner, &version, err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "the session ended just now");
    if (!check_preconditions(x, version, err))
        return false;
    if (change->change == CHANGE_PATCH)
        ok = document_patch(db, &x->arena, change->kind, owner, change->json, &document, err);
    else
        ok = document_put(db, &x->arena, change->kind, owner, change->json, &document, err);
    if (!ok || !tag(x, document.version, err))
        return false;
    if (change->change == CHANGE_DELETE) {
        x->response.status = 204;
        return true;
    }
    return response_json(&x->response, 200, document.json, err);
}

static bool change_by_body(struct exchange *x, enum document_kind kind, enum change_kind change, struct err *err)
{
    struct change work = {.kind = kind, .change = change};
    json_t *json;

    if (!request_has_type(&x->request, "application/json") &&
        !(change == CHANGE_PATCH && request_has_type(&x->request, "application/merge-patch+json")))
        return err_set(err, ERR_TYPE,
                       change == CHANGE_PATCH ? "send application/merge-patch+json or application/json"
                                              : "send application/json");
    if (!request_body(&x->request, &x->arena, DOCUMENT_MAX_BYTES, &x->body, err))
        return false;
    x->body_read = true;
    if (!json_read_object(&x->arena, x->body.bytes, x->body.length, &json, err))
        return false;
    work.json = x->body.bytes;
    return once(x, write_change, &work, err);
}

static bool empty(struct exchange *x, enum document_kind kind, struct err *err)
{
    struct change work = {.kind = kind, .change = CHANGE_DELETE, .json = "{}"};

    return once(x, write_change, &work, err);
}

bool api_session_data_get(struct exchange *x, struct err *err)
{
    return get(x, DOCUMENT_SESSION, err);
}

bool api_session_data_put(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_SESSION, CHANGE_PUT, err);
}

bool api_session_data_patch(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_SESSION, CHANGE_PATCH, err);
}

bool api_session_data_delete(struct exchange *x, struct err *err)
{
    return empty(x, DOCUMENT_SESSION, err);
}

bool api_profile_data_get(struct exchange *x, struct err *err)
{
    return get(x, DOCUMENT_PROFILE, err);
}

bool api_profile_data_put(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_PROFILE, CHANGE_PUT, err);
}

bool api_profile_data_patch(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_PROFILE, CHANGE_PATCH, err);
}

bool api_profile_data_delete(struct exchange *x, struct err *err)
{
    return empty(x, DOCUMENT_PROFILE, err);
}
