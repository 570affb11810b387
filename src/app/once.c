#include "app/once.h"

#include "store/outcome.h"
#include "store/session_cache.h"

#include <string.h>

enum { IDEMPOTENCY_KEY_MAX = 255 };

static bool check_idempotency_key(const char *key, struct err *err)
{
    size_t length = strlen(key);

    for (size_t i = 0; i < length; i++)
        if (key[i] < 0x21 || key[i] > 0x7E)
            return err_field(err, ERR_INPUT, "Idempotency-Key", "Idempotency-Key: visible ASCII characters only");
    if (length > IDEMPOTENCY_KEY_MAX)
        return err_field(err, ERR_INPUT, "Idempotency-Key", "Idempotency-Key: at most %d characters",
                         IDEMPOTENCY_KEY_MAX);
    return true;
}

/*
 * Without a credential the body stands in for it: two strangers who choose the same Idempotency-Key must not meet, and
 * one who knows the whole log-in could log in anyway.
 */
static bool bind_key(struct exchange *x, struct outcome_key *key, struct err *err)
{
    const struct secret *secret = &x->services->secret;
    const struct request *request = &x->request;
    bool own = request->idempotency_key[0] != '\0';
    unsigned char random[16];
    struct buf message;
    bool ok;

    if (!check_idempotency_key(request->idempotency_key, err))
        return false;
    buf_init(&message, &x->arena, 8192);
    ok = buf_printf(&message, "%s\n%s\n%c\n%s\n", method_name(request->method), request->path, own ? 'k' : 'r',
                    own ? request->idempotency_key : request->request_id);
    if (x->has_token)
        ok = ok && buf_add(&message, &x->lookup.token, sizeof x->lookup.token);
    else
        ok = ok && buf_add(&message, key->fingerprint, sizeof key->fingerprint);
    if (!own && request->request_id[0] == '\0') {
        /* Nobody will repeat what has no name. */
        random_bytes(random, sizeof random);
        ok = ok && buf_add(&message, random, sizeof random);
    }
    if (!ok)
        return err_set(err, ERR_INPUT, "the path is too long");
    secret_mac(secret, 0, "outcome", message.bytes, message.length, key->key);
    return true;
}

static bool make_key(struct exchange *x, struct outcome_key *key, struct err *err)
{
    if (!exchange_body(x, err))
        return false;
    secret_mac(&x->services->secret, 0, "outcome fingerprint", x->body.bytes, x->body.length, key->fingerprint);
    return bind_key(x, key, err);
}

bool once_key(struct exchange *x, struct outcome_key *key, struct err *err)
{
    *key = (struct outcome_key){.fingerprint = {0}};
    return x->has_token ? bind_key(x, key, err) : err_set(err, ERR_BUG, "no key without a credential or a body");
}

static void begin_answer(struct exchange *x)
{
    response_init(&x->response, &x->arena);
    x->forgets = (struct session_ids){.count = 0};
    x->replayed = false;
    x->ends_session = false;
}

static bool replay(struct exchange *x, const struct outcome_key *key, const struct outcome *outcome, struct err *err)
{
    char *packed;
    size_t length;

    if (!outcome->same_request)
        return err_field(err, ERR_VALUE, "Idempotency-Key", "Idempotency-Key: was used before with another body");
    if (!secret_open(&x->services->secret, &x->arena, key->key, sizeof key->key, outcome->sealed,
                     outcome->sealed_length, &packed, &length, err) ||
        !response_unpack(&x->response, packed, length, err))
        return false;
    x->forgets = outcome->forgets;
    x->replayed = true;
    return response_header(&x->response, "Idempotent-Replayed", "true", err);
}

static bool keep(struct exchange *x, struct db *db, const struct outcome_key *key, struct err *err)
{
    unsigned char *sealed;
    size_t sealed_length;
    struct buf packed;

    return response_pack(&x->response, &x->arena, &packed, err) &&
           secret_seal(&x->services->secret, &x->arena, key->key, sizeof key->key, packed.bytes, packed.length, &sealed,
                       &sealed_length, err) &&
           outcome_keep(db, &x->arena, key, sealed, sealed_length, &x->forgets, err);
}

struct work {
    struct exchange *x;
    bool (*effect)(struct exchange *, void *, struct err *);
    void *arg;
    struct outcome_key key;
};

/* A logout wins, also over what was begun before it and waited: a lock, a slow body. Costs no round trip of its own. */
static bool confirm(struct exchange *x, struct err *err)
{
    bool by_session = x->match.route->need == NEED_LOGIN || x->match.route->need == NEED_PAGE;

    return !by_session || x->ends_session || session_confirm(&x->services->sessions, &x->arena, &x->session, err);
}

static bool run(struct db *db, void *arg, struct err *err)
{
    struct work *work = arg;
    struct exchange *x = work->x;
    struct outcome outcome;

    begin_answer(x);
    if (!outcome_claim(db, &x->arena, &work->key, &outcome, err))
        return false;
    if (outcome.sealed != NULL)
        return replay(x, &work->key, &outcome, err);
    return work->effect(x, work->arg, err) && keep(x, db, &work->key, err) && confirm(x, err);
}

/* After COMMIT, before the answer: the order is what makes logout win. */
static void forget(struct exchange *x)
{
    if (x->forgets.count > 0 && !session_cache_forget(x->services->sessions.cache, &x->forgets))
        LOG_EVENT(&x->services->log, LOG_WARN, "tombstone_lost", LOG_NUMBER("sessions", (int64_t)x->forgets.count));
    if (x->services->point != NULL)
        x->services->point("after-tombstone");
}

bool once(struct exchange *x, bool (*effect)(struct exchange *, void *, struct err *), void *arg, struct err *err)
{
    struct work work = {.x = x, .effect = effect, .arg = arg};

    if (!make_key(x, &work.key, err))
        return false;
    if (!db_transaction(x->services->sessions.db, run, &work, err)) {
        begin_answer(x);
        return false;
    }
    forget(x);
    return true;
}

bool once_find(struct exchange *x, struct err *err)
{
    struct outcome_key key;
    struct outcome outcome;
    enum db_rc rc;

    if (!make_key(x, &key, err))
        return false;
    rc = outcome_find(x->services->sessions.db, &x->arena, &key, &outcome, err);
    if (rc == DB_ROW && outcome.sealed != NULL) {
        if (!replay(x, &key, &outcome, err))
            return false;
        forget(x);
    }
    return rc != DB_FAIL;
}
