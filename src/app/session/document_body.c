#include "app/session/document_body.h"

#include "app/once.h"
#include "base/jsonb.h"
#include "http/etag.h"
#include "http/precondition.h"
#include "store/document.h"

#include <string.h>

/* Two documents as trees, each of a megabyte and a half when all its values are small, and the text of the result. */
enum { MERGE_MAX_BYTES = 8 * 1024 * 1024 };

bool document_check(struct exchange *x, int64_t version, bool *same, struct err *err)
{
    char text[ETAG_BYTES];
    const struct validators validators = {.tag = text};

    etag_format(version, text);
    return precondition_check(&x->request, &validators, same, err);
}

bool document_tag(struct exchange *x, int64_t version, struct err *err)
{
    char text[ETAG_BYTES];

    etag_format(version, text);
    return response_header(&x->response, "ETag", text, err);
}

bool document_show(struct exchange *x, int64_t version, const char *json, struct err *err)
{
    bool same;

    if (!document_check(x, version, &same, err) || !document_tag(x, version, err))
        return false;
    if (same) {
        x->response.status = 304;
        return true;
    }
    return response_json(&x->response, 200, json, err);
}

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

static bool read_put(struct exchange *x, struct document_body *body, struct err *err)
{
    return settle(x, NULL, x->body.bytes, x->body.length, &body->json, err);
}

/* Reads the patch before anything is locked, so that errors in it are found first. It is read again later. */
static bool read_patch(struct exchange *x, struct document_body *body, struct err *err)
{
    struct jsonb *patch;
    struct arena tree;
    bool ok;

    arena_init(&tree, MERGE_MAX_BYTES);
    ok = jsonb_read(&tree, x->body.bytes, x->body.length, DOCUMENT_MAX_BYTES, &patch, err);
    arena_free(&tree);
    *body = (struct document_body){.json = x->body.bytes, .length = x->body.length};
    return ok;
}

bool document_read_body(struct exchange *x, enum document_change change, struct document_body *body, struct err *err)
{
    bool patches = change == DOCUMENT_PATCH;

    if (!request_has_type(&x->request, "application/json") &&
        !(patches && request_has_type(&x->request, "application/merge-patch+json")))
        return err_set(err, ERR_TYPE,
                       patches ? "send application/merge-patch+json or application/json" : "send application/json");
    if (!x->body_read && !request_body(&x->request, &x->arena, DOCUMENT_MAX_BYTES, &x->body, err))
        return false;
    x->body_read = true;
    return patches ? read_patch(x, body, err) : read_put(x, body, err);
}

bool document_patched(struct exchange *x, const char *stored, const struct document_body *patch, const char **text,
                      struct err *err)
{
    return settle(x, stored, patch->json, patch->length, text, err);
}

bool document_recall(struct exchange *x, const char *text, struct err *err)
{
    char hash[ONCE_HASH_BYTES];

    once_hash(text, strlen(text), hash);
    return strcmp(hash, x->body_hash) != 0 || response_json(&x->response, x->response.status, text, err);
}
