/* Documents of the apps of a site. doc/decisions/app-sessions.md has their rights. */
#include "app/api.h"
#include "app/once.h"
#include "app/page/query.h"
#include "app/session/document_body.h"
#include "base/decimal.h"
#include "store/app_document.h"

#include <string.h>

enum verb { VERB_GET, VERB_PUT, VERB_PATCH, VERB_DELETE, VERB_TOUCH };

/* The document that is asked for, and the visitor on whose behalf. */
struct target {
    struct app_key key;
    const struct uuid *visitor; /* NULL: a visitor who is not logged in */
    struct uuid account;
    int64_t idle_s; /* 0: as it is */
    bool is_session;
};

struct work {
    const struct target *target;
    enum verb verb;
    struct document_body body;
};

static bool refuse_absent(struct err *err)
{
    return err_set(err, ERR_ABSENT, "there is no such document of this visitor's; it may have ended");
}

/* --- the request */

static bool read_visitor(struct exchange *x, struct target *target, struct err *err)
{
    const char *text;

    if (!query_text(x, "account", &text, err))
        return false;
    if (text == NULL || text[0] == '\0')
        return true;
    target->visitor = &target->account;
    return uuid_parse(text, &target->account) ||
           err_field(err, ERR_INPUT, "account", "account: the id of an account, or nothing for a guest");
}

static bool read_idle(struct exchange *x, struct target *target, struct err *err)
{
    int64_t most = x->services->config.app_session_idle_max_s;
    const char *text;

    if (!query_text(x, "idle", &text, err))
        return false;
    return text == NULL || decimal_parse(text, 1, most, &target->idle_s) ||
           err_field(err, ERR_INPUT, "idle", "idle: 1 to %lld seconds", (long long)most);
}

/* A browser may send anything as its session's id. A malformed id is that of no session. */
static bool read_session(struct exchange *x, enum verb verb, struct target *target, struct err *err)
{
    *target = (struct target){.is_session = true};
    if (!app_key_of_session(&x->caller, x->match.parameter, &target->key))
        return verb != VERB_PUT
                   ? refuse_absent(err)
                   : err_field(err, ERR_VALUE, "id", "id: %d to %d of A-Z a-z 0-9 , - _, most of them random",
                               APP_ID_LEAST, APP_ID_MOST);
    return read_visitor(x, target, err) && read_idle(x, target, err);
}

static bool read_account(struct exchange *x, struct target *target, struct err *err)
{
    *target = (struct target){.is_session = false};
    if (!uuid_parse(x->match.parameter, &target->account))
        return err_set(err, ERR_ABSENT, "there is no such account");
    target->visitor = &target->account;
    app_key_of_account(&x->caller, &target->account, &target->key);
    return true;
}

/*
 * After the log-in the session belongs to that account: another account that logs in later in the same browser must not
 * get it.
 */
static bool is_of_visitor(const struct target *target, const struct app_document *document)
{
    return !document->has_account || (target->visitor != NULL && uuid_equal(target->visitor, &document->account));
}

/* --- reading */

static bool get(struct exchange *x, const struct target *target, struct err *err)
{
    struct db *db = x->services->sessions.db;
    struct app_document document;

    if (app_document_get(db, &x->arena, &target->key, &document, err) == DB_FAIL)
        return false;
    if (!document.lives || !is_of_visitor(target, &document))
        return refuse_absent(err);
    return (document.fresh || app_document_renew(db, &x->arena, &target->key, err)) &&
           document_show(x, document.version, document.json, err);
}

/* --- changing: inside of the transaction */

/* Checks the limits for one more document of this kind, and that the account may have it. */
static bool check_room(struct exchange *x, const struct target *target, struct err *err)
{
    struct db *db = x->services->sessions.db;

    if (target->visitor != NULL && app_account_lives(db, &x->arena, target->visitor, err) != DB_ROW)
        return err_field(err, ERR_VALUE, "account", "account: there is no such account, or it may not log in");
    return app_documents_check(db, &x->arena, &x->services->config, &x->caller, target->visitor != NULL, err);
}

static bool trim(struct exchange *x, const struct target *target, struct err *err)
{
    return !target->is_session || target->visitor == NULL ||
           app_documents_trim(x->services->sessions.db, &target->key, target->visitor,
                              x->services->config.app_sessions_per_account, err);
}

static bool make(struct exchange *x, const struct work *work, bool was_there, struct err *err)
{
    const struct target *target = work->target;
    struct db *db = x->services->sessions.db;
    int64_t idle_s = target->idle_s > 0 ? target->idle_s : x->services->config.app_session_idle_s;
    int64_t version;

    if (x->request.if_match[0] != '\0')
        return err_field(err, ERR_STALE, "If-Match", "If-Match: this is not there; it may have ended");
    if (!check_room(x, target, err) || (was_there && !app_document_remove(db, &target->key, err)))
        return false;
    switch (app_document_make(db, &x->arena, &target->key, target->visitor, target->is_session ? idle_s : 0,
                              work->body.json, &version, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_field(err, ERR_STALE, "If-None-Match", "If-None-Match: another request has made this just now");
    case DB_ROW:
        break;
    }
    x->body_elsewhere = true;
    return trim(x, target, err) && document_tag(x, version, err) &&
           response_json(&x->response, 201, work->body.json, err);
}

/* Changes the values beside the text that every use changes. */
static bool use(struct exchange *x, const struct target *target, const struct app_document *document, struct err *err)
{
    struct db *db = x->services->sessions.db;
    bool keeps =
        document->idle_s > 0 && (!document->fresh || (target->idle_s > 0 && target->idle_s != document->idle_s));

    if (keeps && !app_document_keep(db, &target->key, target->idle_s > 0 ? target->idle_s : document->idle_s, err))
        return false;
    return target->visitor == NULL || document->has_account ||
           (check_room(x, target, err) && app_document_bind(db, &target->key, target->visitor, err) &&
            trim(x, target, err));
}

static bool write_text(struct exchange *x, const struct work *work, const struct app_document *document,
                       struct err *err)
{
    const char *text = work->body.json;
    int64_t version;

    if ((work->verb == VERB_PATCH && !document_patched(x, document->json, &work->body, &text, err)) ||
        !app_document_put(x->services->sessions.db, &x->arena, &work->target->key, text, &version, err) ||
        !document_tag(x, version, err))
        return false;
    x->body_elsewhere = true;
    return response_json(&x->response, 200, text, err);
}

static bool change_locked(struct exchange *x, const struct work *work, const struct app_document *document,
                          struct err *err)
{
    bool same;

    if (work->verb != VERB_TOUCH && !document_check(x, document->version, &same, err))
        return false;
    x->response.status = 204;
    if (work->verb == VERB_DELETE)
        return app_document_remove(x->services->sessions.db, &work->target->key, err);
    if (!use(x, work->target, document, err))
        return false;
    return work->verb == VERB_TOUCH ? document_tag(x, document->version, err) : write_text(x, work, document, err);
}

static bool change(struct exchange *x, void *arg, struct err *err)
{
    const struct work *work = arg;
    struct app_document document;
    enum db_rc rc = app_document_lock(x->services->sessions.db, &x->arena, &work->target->key, work->verb == VERB_PATCH,
                                      &document, err);

    if (rc == DB_FAIL)
        return false;
    if (!document.lives)
        return work->verb == VERB_PUT ? make(x, work, rc == DB_ROW, err) : refuse_absent(err);
    if (!is_of_visitor(work->target, &document))
        return work->verb == VERB_PUT ? err_set(err, ERR_STALE, "this id is another visitor's; take a new one")
                                      : refuse_absent(err);
    return change_locked(x, work, &document, err);
}

/* --- changing: the request */

/*
 * A write needs the version that the app has read: otherwise a slow request would restore a session that was logged out
 * meanwhile.
 */
static bool check_conditional(const struct exchange *x, struct err *err)
{
    return x->request.if_match[0] != '\0' || strcmp(x->request.if_none_match, "*") == 0 ||
           err_field(err, ERR_INPUT, "If-Match",
                     "send If-None-Match: * to make it, or If-Match with the ETag that was read");
}

static bool rebuild(struct exchange *x, const struct work *work, struct err *err)
{
    struct app_document document;

    if (!x->replayed || x->body_hash == NULL)
        return true;
    if (work->verb == VERB_PUT)
        return document_recall(x, work->body.json, err);
    return app_document_get(x->services->sessions.db, &x->arena, &work->target->key, &document, err) != DB_FAIL &&
           (!document.lives || document_recall(x, document.json, err));
}

static bool change_by_body(struct exchange *x, const struct target *target, enum verb verb, struct err *err)
{
    struct work work = {.target = target, .verb = verb};

    if (verb == VERB_PUT && !check_conditional(x, err))
        return false;
    return document_read_body(x, verb == VERB_PATCH ? DOCUMENT_PATCH : DOCUMENT_PUT, &work.body, err) &&
           once(x, change, &work, err) && rebuild(x, &work, err);
}

/* Usually there is nothing to write. */
static bool touch(struct exchange *x, const struct target *target, struct err *err)
{
    struct work work = {.target = target, .verb = VERB_TOUCH};
    struct app_document document;

    if (app_document_get(x->services->sessions.db, &x->arena, &target->key, &document, err) == DB_FAIL)
        return false;
    if (!document.lives || !is_of_visitor(target, &document))
        return refuse_absent(err);
    if (!document.fresh || (target->idle_s > 0 && target->idle_s != document.idle_s) ||
        (target->visitor != NULL && !document.has_account))
        return once(x, change, &work, err);
    x->response.status = 204;
    return document_tag(x, document.version, err);
}

static bool serve_verb(struct exchange *x, const struct target *target, enum verb verb, struct err *err)
{
    struct work work = {.target = target, .verb = verb};

    switch (verb) {
    case VERB_GET:
        return get(x, target, err);
    case VERB_PUT:
    case VERB_PATCH:
        return change_by_body(x, target, verb, err);
    case VERB_DELETE:
        return once(x, change, &work, err);
    case VERB_TOUCH:
        return touch(x, target, err);
    }
    return err_set(err, ERR_BUG, "no such verb");
}

static bool of_session(struct exchange *x, enum verb verb, struct err *err)
{
    struct target target;

    return read_session(x, verb, &target, err) && serve_verb(x, &target, verb, err);
}

static bool of_account(struct exchange *x, enum verb verb, struct err *err)
{
    struct target target;

    return read_account(x, &target, err) && serve_verb(x, &target, verb, err);
}

bool api_app_session_get(struct exchange *x, struct err *err)
{
    return of_session(x, VERB_GET, err);
}

bool api_app_session_put(struct exchange *x, struct err *err)
{
    return of_session(x, VERB_PUT, err);
}

bool api_app_session_patch(struct exchange *x, struct err *err)
{
    return of_session(x, VERB_PATCH, err);
}

bool api_app_session_delete(struct exchange *x, struct err *err)
{
    return of_session(x, VERB_DELETE, err);
}

bool api_app_session_touch(struct exchange *x, struct err *err)
{
    return of_session(x, VERB_TOUCH, err);
}

bool api_app_account_get(struct exchange *x, struct err *err)
{
    return of_account(x, VERB_GET, err);
}

bool api_app_account_put(struct exchange *x, struct err *err)
{
    return of_account(x, VERB_PUT, err);
}

bool api_app_account_patch(struct exchange *x, struct err *err)
{
    return of_account(x, VERB_PATCH, err);
}

bool api_app_account_delete(struct exchange *x, struct err *err)
{
    return of_account(x, VERB_DELETE, err);
}
