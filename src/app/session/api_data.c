#include "app/api.h"
#include "app/once.h"
#include "base/jsonb.h"
#include "http/etag.h"
#include "http/precondition.h"
#include "store/document.h"

#include <string.h>

static const struct uuid *owner_of(const struct exchange *x, enum document_kind kind)
{
    return kind == DOCUMENT_SESSION ? &x->session.id : &x->session.account;
}

/* Checks the conditions. A document always exists: one that was never written is {} with version 0. */
static bool check(struct exchange *x, int64_t version, bool *same, struct err *err)
{
    char text[ETAG_BYTES];
    const struct validators validators = {.tag = text};

    etag_format(version, text);
    return precondition_check(&x->request, &validators, same, err);
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
        !check(x, document.version, &same, err) || !tag(x, document.version, err))
        return false;
    if (same) {
        x->response.status = 304;
        return true;
    }
    return response_json(&x->response, 200, document.json, err);
}

/* Two documents as trees, each of a megabyte and a half when all its values are small, and the text of the result. */
enum { MERGE_MAX_BYTES = 8 * 1024 * 1024 };

enum change_kind { CHANGE_PUT, CHANGE_PATCH, CHANGE_DELETE };

struct change {
    enum document_kind kind;
    enum change_kind change;
    const char *json; /* the new document; for a patch, the patch as it was sent */
    size_t length;
};

/* Writes the document as the database takes it. *text is in the arena of x. */
static bool write_text(struct exchange *x, const struct jsonb *document, const char **text, struct err *err)
{
    if (jsonb_size(document) > DOCUMENT_MAX_BYTES)
        return err_set(err, ERR_LARGE, "the document may have at most %d bytes", DOCUMENT_MAX_BYTES);
    *text = jsonb_write(&x->arena, document);
    return *text != NULL || err_memory(err);
}

/* Reads the stored document. An error of it is a bug, not the patch's. */
static bool read_stored(struct arena *arena, const char *json, struct jsonb **document, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    return jsonb_read(arena, json, strlen(json), DOCUMENT_MAX_BYTES, document, &reason) ||
           err_set(err, ERR_BUG, "the stored document can't be read: %s", reason.detail);
}

/*
 * Makes the new document. The trees are in an arena of their own, since a transaction may run several times. stored is
 * NULL when nothing is merged.
 */
static bool settle(struct exchange *x, const char *stored, const char *sent, size_t length, const char **text,
                   struct err *err)
{
    struct jsonb *document = NULL, *patch;
    struct arena trees;
    bool ok;

    arena_init(&trees, MERGE_MAX_BYTES);
    ok = jsonb_read(&trees, sent, length, DOCUMENT_MAX_BYTES, &patch, err) &&
         (stored == NULL || read_stored(&trees, stored, &document, err)) &&
         write_text(x, stored != NULL ? jsonb_merge(document, patch) : patch, text, err);
    arena_free(&trees);
    return ok;
}

static bool write_change(struct exchange *x, void *arg, struct err *err)
{
    const struct change *change = arg;
    const struct uuid *owner = owner_of(x, change->kind);
    bool patches = change->change == CHANGE_PATCH;
    struct db *db = x->services->sessions.db;
    const char *text = change->json;
    struct document document;
    bool same;

    if (document_lock(db, &x->arena, change->kind, owner, patches, &document, err) != DB_ROW)
        return err_set(err, ERR_LOGIN, "the session ended just now");
    /* Checked on the locked row, so that nothing changes between the check and the write. */
    if (!check(x, document.version, &same, err) ||
        (patches && !settle(x, document.json, change->json, change->length, &text, err)) ||
        !document_put(db, change->kind, owner, text, err) || !tag(x, document.version + 1, err))
        return false;
    if (change->change == CHANGE_DELETE) {
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
    const char *text = change->json;
    char hash[ONCE_HASH_BYTES];

    if (!x->replayed || x->body_hash == NULL)
        return true;
    if (change->change == CHANGE_PATCH) {
        if (!document_get(x->services->sessions.db, &x->arena, change->kind, owner_of(x, change->kind), &document, err))
            return false;
        text = document.json;
    }
    once_hash(text, strlen(text), hash);
    return strcmp(hash, x->body_hash) != 0 || response_json(&x->response, 200, text, err);
}

/* Reads the patch before anything is locked, so that errors in it are found first. It is read again later. */
static bool check_patch(struct change *change, const struct buf *body, struct err *err)
{
    struct jsonb *patch;
    struct arena tree;
    bool ok;

    arena_init(&tree, MERGE_MAX_BYTES);
    ok = jsonb_read(&tree, body->bytes, body->length, DOCUMENT_MAX_BYTES, &patch, err);
    arena_free(&tree);
    change->json = body->bytes;
    change->length = body->length;
    return ok;
}

static bool change_by_body(struct exchange *x, enum document_kind kind, enum change_kind change, struct err *err)
{
    struct change work = {.kind = kind, .change = change};

    if (!request_has_type(&x->request, "application/json") &&
        !(change == CHANGE_PATCH && request_has_type(&x->request, "application/merge-patch+json")))
        return err_set(err, ERR_TYPE,
                       change == CHANGE_PATCH ? "send application/merge-patch+json or application/json"
                                              : "send application/json");
    if (!x->body_read && !request_body(&x->request, &x->arena, DOCUMENT_MAX_BYTES, &x->body, err))
        return false;
    x->body_read = true;
    if (!(change == CHANGE_PATCH ? check_patch(&work, &x->body, err)
                                 : settle(x, NULL, x->body.bytes, x->body.length, &work.json, err)))
        return false;
    return once(x, write_change, &work, err) && rebuild(x, &work, err);
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
