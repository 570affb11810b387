#include "app/once.h"

#include "app/once_names.h"
#include "app/tombstones.h"
#include "base/bytes.h"
#include "base/sha256.h"
#include "store/site_key.h"

#include <string.h>

enum {
    /*
     * The longest document that an outcome keeps. The rest of an outcome is some hundred bytes; a longer document would
     * make most of it.
     */
    BODY_KEPT_MAX = 1024,
};

static void begin_answer(struct exchange *x)
{
    response_init(&x->response, &x->arena);
    x->forgets = (struct session_ids){.count = 0};
    x->replayed = false;
    x->ends_session = false;
    x->body_elsewhere = false;
    x->body_hash = NULL;
}

/* The last header of an outcome without a body is the hash of the body. No answer has it. */
static const char hash_header[] = "Mayfly-Body";

void once_hash(const void *body, size_t length, char text[ONCE_HASH_BYTES])
{
    unsigned char digest[SHA256_BYTES];

    sha256_of(body, length, digest);
    bytes_to_hex(digest, ONCE_HASH_BYTES / 2, text);
}

static bool take_hash(struct exchange *x, struct err *err)
{
    struct buf *headers = &x->response.headers;
    char *line = strstr(headers->bytes, hash_header);

    if (line == NULL)
        return true;
    x->body_hash = response_header_find(&x->response, &x->arena, hash_header);
    if (x->body_hash == NULL)
        return err_memory(err);
    *line = '\0';
    headers->length = (size_t)(line - headers->bytes);
    return true;
}

/* Packs the answer without a body that is kept elsewhere. */
static bool pack(struct exchange *x, struct buf *packed, struct err *err)
{
    struct response kept = x->response;
    struct buf *headers = &x->response.headers;
    size_t length = headers->length;
    char made[ONCE_HASH_BYTES];
    const char *hash = x->body_hash; /* of an answer that was kept before under another key */
    bool ok;

    if (hash == NULL && (!x->body_elsewhere || x->response.body.length <= BODY_KEPT_MAX))
        return response_pack(&x->response, &x->arena, packed, err);
    if (hash == NULL) {
        once_hash(x->response.body.bytes, x->response.body.length, made);
        hash = made;
    }
    if (!response_header(&x->response, hash_header, hash, err))
        return false;
    kept.headers = *headers;
    kept.body.length = 0;
    ok = response_pack(&kept, &x->arena, packed, err);
    headers->length = length;
    headers->bytes[length] = '\0';
    return ok;
}

static bool check_same(const struct outcome *outcome, struct err *err)
{
    return outcome->same_request ||
           err_field(err, ERR_VALUE, "Idempotency-Key",
                     "Idempotency-Key: was used before for something else, with another body, form field, query or "
                     "precondition; take another key");
}

/* Fills the response with a kept answer. */
static bool recall(struct exchange *x, const struct outcome_key *key, const struct outcome *outcome, struct err *err)
{
    char *packed;
    size_t length;

    if (!check_same(outcome, err) ||
        !secret_open(&x->services->secret, &x->arena, key->key, sizeof key->key, outcome->sealed,
                     outcome->sealed_length, &packed, &length, err) ||
        !response_unpack(&x->response, packed, length, err) || !take_hash(x, err))
        return false;
    x->forgets = outcome->forgets;
    return true;
}

/* Whether the answer began a session that has ended since, so that its token is no longer valid. */
static bool tells_dead_token(struct exchange *x, bool *dead, struct err *err)
{
    const char *cookie = response_header_find(&x->response, &x->arena, "Set-Cookie");
    const char *text = cookie != NULL ? strchr(cookie, '=') : NULL;
    struct token token;
    enum db_rc rc;

    *dead = false;
    if (text == NULL || !token_parse(text + 1, strcspn(text + 1, ";"), &token))
        return true;
    rc = session_lives(&x->services->sessions, &x->arena, &token, err);
    *dead = rc == DB_NONE;
    return rc != DB_FAIL;
}

static bool mark_replayed(struct exchange *x, struct err *err)
{
    x->replayed = true;
    return response_header(&x->response, "Idempotent-Replayed", "true", err);
}

/* Stores the outcome under the keys that have none, or under all keys. */
static bool keep(struct exchange *x, struct db *db, const struct once_names *names, bool all, struct err *err)
{
    struct buf packed;

    if (!pack(x, &packed, err))
        return false;
    for (size_t i = 0; i < names->kept; i++) {
        const struct outcome_key *key = &names->keys[i];
        unsigned char *sealed;
        size_t sealed_length;

        if (!all && names->has_outcome[i])
            continue;
        if (!secret_seal(&x->services->secret, &x->arena, key->key, sizeof key->key, packed.bytes, packed.length,
                         &sealed, &sealed_length, err) ||
            !outcome_keep(db, key, sealed, sealed_length, &x->forgets, err))
            return false;
    }
    return true;
}

struct work {
    struct exchange *x;
    bool (*effect)(struct exchange *, void *, struct err *);
    void *arg;
    struct once_names names;
};

/*
 * A log-out also prevents changes that began before it and waited, for a lock or a slow body. This needs no round trip
 * of its own.
 */
static bool confirm(struct exchange *x, struct err *err)
{
    bool by_session = x->match.route->need == NEED_LOGIN || x->match.route->need == NEED_PAGE;

    if (x->has_caller)
        return site_key_confirm(x->services->sessions.db, &x->site_key, err);
    return !by_session || x->ends_session || session_confirm(&x->services->sessions, &x->session, err);
}

/* Only a log-in whose session has ended may be done again, because its password was verified again. */
static bool may_begin_again(const struct exchange *x)
{
    return x->match.route->need == NEED_GUEST;
}

static bool refuse_dead_token(struct err *err)
{
    return err_set(err, ERR_LOGIN, "this was done, but the session that it began has ended; log in");
}

/*
 * Claims all keys of the request in the order of their bytes, so that workers with different first keys do not wait for
 * each other. *found: the response is the answer that was kept under one of them.
 */
static bool claim(struct exchange *x, struct db *db, struct once_names *names, bool *found, struct err *err)
{
    size_t order[ONCE_NAMES_MAX];

    once_names_sort(names, order);
    *found = false;
    for (size_t i = 0; i < names->count; i++) {
        const struct outcome_key *key = &names->keys[order[i]];
        struct outcome outcome;

        if (!outcome_claim(db, &x->arena, key, &outcome, err))
            return false;
        names->has_outcome[order[i]] = outcome.sealed != NULL;
        if (outcome.sealed == NULL)
            continue;
        if (*found ? !check_same(&outcome, err) : !recall(x, key, &outcome, err))
            return false;
        *found = true;
    }
    return *found || outcome_check_quota(db, &x->arena, &x->services->config, &names->keys[0], err);
}

static bool run(struct db *db, void *arg, struct err *err)
{
    struct work *work = arg;
    struct exchange *x = work->x;
    struct once_names *names = &work->names;
    bool found, dead = false;

    begin_answer(x);
    if (!claim(x, db, names, &found, err) || (found && !tells_dead_token(x, &dead, err)))
        return false;
    if (found && !dead)
        return keep(x, db, names, false, err) && mark_replayed(x, err);
    if (dead && !may_begin_again(x))
        return refuse_dead_token(err);
    begin_answer(x);
    return work->effect(x, work->arg, err) && keep(x, db, names, true, err) && confirm(x, err);
}

bool once(struct exchange *x, bool (*effect)(struct exchange *, void *, struct err *), void *arg, struct err *err)
{
    struct work work = {.x = x, .effect = effect, .arg = arg};

    if (!once_names_make(x, &work.names, err))
        return false;
    if (!db_transaction(x->services->sessions.db, run, &work, err)) {
        begin_answer(x);
        return false;
    }
    tombstones_write(x);
    return true;
}

static bool replay_found(struct exchange *x, const struct outcome_key *key, const struct outcome *outcome,
                         struct err *err)
{
    bool dead;

    if (!recall(x, key, outcome, err) || !tells_dead_token(x, &dead, err))
        return false;
    if (dead && may_begin_again(x)) {
        begin_answer(x);
        return true;
    }
    if (dead)
        return refuse_dead_token(err);
    if (!mark_replayed(x, err))
        return false;
    tombstones_write(x);
    return true;
}

bool once_find(struct exchange *x, struct err *err)
{
    struct outcome outcome;
    struct once_names names;
    enum db_rc rc;

    if (!once_names_make(x, &names, err))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        rc = outcome_find(x->services->sessions.db, &x->arena, &names.keys[i], &outcome, err);
        if (rc == DB_FAIL)
            return false;
        if (rc == DB_ROW && outcome.sealed != NULL)
            return replay_found(x, &names.keys[i], &outcome, err);
    }
    return true;
}
