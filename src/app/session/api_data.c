#include "app/api.h"
#include "app/once.h"
#include "app/session/document_body.h"
#include "store/document.h"

static const struct uuid *owner_of(const struct exchange *x, enum document_kind kind)
{
    return kind == DOCUMENT_SESSION ? &x->session.id : &x->session.account;
}

/* A document always exists: one that was never written is {} with version 0. */
static bool get(struct exchange *x, enum document_kind kind, struct err *err)
{
    struct document document;

    return document_get(x->services->sessions.db, &x->arena, kind, owner_of(x, kind), &document, err) &&
           document_show(x, document.version, document.json, err);
}

struct change {
    enum document_kind kind;
    enum document_change change;
    struct document_body body;
};

static bool write_change(struct exchange *x, void *arg, struct err *err)
{
    const struct change *change = arg;
    const struct uuid *owner = owner_of(x, change->kind);
    bool patches = change->change == DOCUMENT_PATCH;
    struct db *db = x->services->sessions.db;
    const char *text = change->body.json;
    struct document document;
    bool same;

    if (document_lock(db, &x->arena, change->kind, owner, patches, &document, err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "the session ended just now");
    /* Checked on the locked row, so that nothing changes between the check and the write. */
    if (!document_check(x, document.version, &same, err) ||
        (patches && !document_patched(x, document.json, &change->body, &text, err)) ||
        !document_put(db, change->kind, owner, text, err) || !document_tag(x, document.version + 1, err))
        return false;
    if (change->change == DOCUMENT_DELETE) {
        x->response.status = 204;
        return true;
    }
    x->body_elsewhere = true;
    return response_json(&x->response, 200, text, err);
}

/*
 * Completes the answer of a repeated request, which has the status and the ETag of the first. Its body is the document
 * that was sent, for a PUT, or the stored document if it has not changed since; otherwise it has none.
 */
static bool rebuild(struct exchange *x, const struct change *change, struct err *err)
{
    struct document document;
    const char *text = change->body.json;

    if (!x->replayed || x->body_hash == NULL)
        return true;
    if (change->change == DOCUMENT_PATCH) {
        if (!document_get(x->services->sessions.db, &x->arena, change->kind, owner_of(x, change->kind), &document, err))
            return false;
        text = document.json;
    }
    return document_recall(x, text, err);
}

static bool change_by_body(struct exchange *x, enum document_kind kind, enum document_change change, struct err *err)
{
    struct change work = {.kind = kind, .change = change};

    if (!document_read_body(x, change, &work.body, err))
        return false;
    return once(x, write_change, &work, err) && rebuild(x, &work, err);
}

static bool empty(struct exchange *x, enum document_kind kind, struct err *err)
{
    struct change work = {.kind = kind, .change = DOCUMENT_DELETE, .body = {.json = "{}"}};

    return once(x, write_change, &work, err);
}

bool api_session_data_get(struct exchange *x, struct err *err)
{
    return get(x, DOCUMENT_SESSION, err);
}

bool api_session_data_put(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_SESSION, DOCUMENT_PUT, err);
}

bool api_session_data_patch(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_SESSION, DOCUMENT_PATCH, err);
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
    return change_by_body(x, DOCUMENT_PROFILE, DOCUMENT_PUT, err);
}

bool api_profile_data_patch(struct exchange *x, struct err *err)
{
    return change_by_body(x, DOCUMENT_PROFILE, DOCUMENT_PATCH, err);
}

bool api_profile_data_delete(struct exchange *x, struct err *err)
{
    return empty(x, DOCUMENT_PROFILE, err);
}
