#include "app/once.h"

#include "base/bytes.h"
#include "base/sha256.h"
#include "store/outcome.h"
#include "store/session_cache.h"

#include <string.h>

enum {
    IDEMPOTENCY_KEY_MAX = 255,
    /* A request's head (nginx takes 32 KiB), and what is said of the files of one form. */
    FINGERPRINT_MAX_BYTES = 512 * 1024,
    /* A document of no more than what the rest of an outcome is, some hundred bytes, twice over. */
    BODY_KEPT_MAX = 1024,
};

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

/* Two by each key of the secret. */
enum { NAMES_MAX = 2 * SECRET_KEYS_MAX };

/*
 * The keys under which one request's outcome is kept and found. The first one counts: it is bound to whom the request is
 * about, so a client that logged in anew meets what it has done before. The second one is bound to the token that was presented:
 * a request that ended its own session is repeated with a dead one, which tells no account; and the release before knows no
 * other, so that what one of the two releases has done is found by the other. Both are made by the secret's first key; the rest
 * are the same two by its other keys, one of which is the first of another worker while the secret is rotated.
 */
struct names {
    struct outcome_key keys[NAMES_MAX];
    bool has_outcome[NAMES_MAX];
    size_t count;
    size_t kept; /* under so many of them the outcome is kept: those by the secret's first key */
};

/* Of whom a key is: the letter keeps one kind from standing in for another. */
struct owner {
    char letter;
    const void *bytes;
    size_t length;
};

static bool has_own_key(const struct exchange *x)
{
    return x->request.idempotency_key[0] != '\0';
}

/* What is another thing in each session, though its path is the same: with another session it is another request. */
static bool concerns_session(const struct exchange *x)
{
    static const char *const paths[] = {"/logout", "/session/data", "/sessions", "/sessions/end-others"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (strcmp(x->match.route->path, paths[i]) == 0)
            return true;
    return false;
}

/*
 * Without a credential the body stands in for it: two strangers who choose the same Idempotency-Key must not meet, and
 * one who knows the whole log-in could log in anyway.
 */
static bool bind_key(struct exchange *x, size_t secret_key, const struct owner *owner,
                     unsigned char mac[OUTCOME_KEY_BYTES], struct err *err)
{
    const struct request *request = &x->request;
    bool own = has_own_key(x);
    unsigned char random[16];
    struct buf message;
    bool ok;

    buf_init(&message, &x->arena, 8192);
    ok = buf_printf(&message, "%s\n%s\n%c\n%s\n", method_name(request->method), request->path, owner->letter,
                    own ? request->idempotency_key : request->request_id) &&
         buf_add(&message, owner->bytes, owner->length);
    if (!own && request->request_id[0] == '\0') {
        /* Nobody will repeat what has no name. */
        random_bytes(random, sizeof random);
        ok = ok && buf_add(&message, random, sizeof random);
    }
    if (!ok)
        return err_set(err, ERR_INPUT, "the path is too long");
    secret_mac(&x->services->secret, secret_key, "outcome", message.bytes, message.length, mac);
    return true;
}

/* A form's parameters are its boundary, which is chosen anew each time. */
static int length_of_type(const struct request *request)
{
    size_t length = strlen(request->content_type);

    return (int)(request_has_type(request, "multipart/form-data") ? strcspn(request->content_type, "; \t") : length);
}

/*
 * All that says what is to be done, beside method and path, which are in the key. How it is answered (Accept) and who
 * proves what (cookies, tokens) says nothing of that. t/4710 compares this with what a request has.
 */
static bool fingerprint(struct exchange *x, size_t secret_key, const unsigned char body_mac[OUTCOME_KEY_BYTES],
                        unsigned char mac[OUTCOME_KEY_BYTES], struct err *err)
{
    const struct request *request = &x->request;
    const char *const texts[] = {
        request->query,
        request->if_match,
        request->if_none_match,
        request->if_modified_since,
        request->if_unmodified_since,
        request->content_disposition,
        request->content_range,
        request->upload_offset,
        request->upload_length,
        request->upload_defer_length,
        request->upload_metadata,
        request->upload_concat,
    };
    struct buf message;
    bool ok;

    buf_init(&message, &x->arena, FINGERPRINT_MAX_BYTES);
    ok = buf_printf(&message, "%.*s\n", length_of_type(request), request->content_type);
    for (size_t i = 0; ok && i < sizeof texts / sizeof texts[0]; i++)
        ok = buf_printf(&message, "%zu:%s\n", strlen(texts[i]), texts[i]);
    ok = ok && buf_add(&message, body_mac, OUTCOME_KEY_BYTES) &&
         (x->meaning.length == 0 || buf_add(&message, x->meaning.bytes, x->meaning.length));
    if (!ok)
        return err_memory(err);
    secret_mac(&x->services->secret, secret_key, "outcome meaning", message.bytes, message.length, mac);
    return true;
}

/* Whom the first key of a request with an Idempotency-Key is bound to. */
static struct owner owner_of(const struct exchange *x, const unsigned char *body_mac)
{
    if (x->match.route->need == NEED_GUEST || !x->has_token)
        return (struct owner){'k', body_mac, OUTCOME_KEY_BYTES};
    if (x->has_session && !concerns_session(x))
        return (struct owner){'a', &x->session.account, sizeof x->session.account};
    return (struct owner){'s', &x->lookup.token, sizeof x->lookup.token};
}

static bool add_names(struct exchange *x, size_t secret_key, struct names *names, struct err *err)
{
    unsigned char body_mac[OUTCOME_KEY_BYTES];
    struct owner owner, presented;
    struct outcome_key *key;

    secret_mac(&x->services->secret, secret_key, "outcome fingerprint", x->body.bytes, x->body.length, body_mac);
    owner = owner_of(x, body_mac);
    presented = x->has_token ? (struct owner){'k', &x->lookup.token, sizeof x->lookup.token}
                             : (struct owner){'k', body_mac, OUTCOME_KEY_BYTES};
    if (has_own_key(x) && (owner.letter != presented.letter || owner.bytes != presented.bytes)) {
        key = &names->keys[names->count++];
        memcpy(key->fingerprint, body_mac, sizeof body_mac);
        if (!bind_key(x, secret_key, &owner, key->key, err) ||
            (owner.bytes != body_mac && !fingerprint(x, secret_key, body_mac, key->fingerprint, err)))
            return false;
    }
    if (!has_own_key(x))
        presented.letter = 'r';
    key = &names->keys[names->count++];
    memcpy(key->fingerprint, body_mac, sizeof body_mac);
    return bind_key(x, secret_key, &presented, key->key, err);
}

static bool make_names(struct exchange *x, struct names *names, struct err *err)
{
    *names = (struct names){.count = 0};
    if (!check_idempotency_key(x->request.idempotency_key, err) || !exchange_body(x, err))
        return false;
    for (size_t i = 0; i < x->services->secret.count; i++) {
        if (!add_names(x, i, names, err))
            return false;
        if (i == 0)
            names->kept = names->count;
    }
    for (size_t i = 0; i < names->count; i++)
        names->keys[i].of_client = has_own_key(x);
    /* The other names of the same outcome count for nobody. */
    names->keys[0].has_account = x->has_session;
    if (x->has_session)
        names->keys[0].account = x->session.account;
    return true;
}

bool once_keys(struct exchange *x, struct once_keys *keys, struct err *err)
{
    struct owner owner = owner_of(x, NULL);

    *keys = (struct once_keys){.count = 0};
    if (!check_idempotency_key(x->request.idempotency_key, err))
        return false;
    if (!has_own_key(x))
        owner = (struct owner){'r', &x->lookup.token, sizeof x->lookup.token};
    if (owner.bytes == NULL)
        return err_set(err, ERR_BUG, "no key without a credential");
    for (; keys->count < x->services->secret.count; keys->count++)
        if (!bind_key(x, keys->count, &owner, keys->keys[keys->count].key, err))
            return false;
    return true;
}

static void begin_answer(struct exchange *x)
{
    response_init(&x->response, &x->arena);
    x->forgets = (struct session_ids){.count = 0};
    x->replayed = false;
    x->ends_session = false;
    x->body_elsewhere = false;
    x->body_hash = NULL;
}

/* Among the headers of an outcome, the last of them: the hash in the place of the body. No answer has it. */
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

/* What is packed is the answer, but for a body that is kept elsewhere. */
static bool pack(struct exchange *x, struct buf *packed, struct err *err)
{
    struct response kept = x->response;
    struct buf *headers = &x->response.headers;
    size_t length = headers->length;
    char made[ONCE_HASH_BYTES];
    const char *hash = x->body_hash; /* of an answer that was kept before, under another key */
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

/* Fills the response with an answer that was kept. */
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

/* Whether the session that this answer began, if it began one, has ended since: its token is no answer any more. */
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

/* Under those of the keys that have no outcome, or under all of them. */
static bool keep(struct exchange *x, struct db *db, const struct names *names, bool all, struct err *err)
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
            !outcome_keep(db, &x->arena, key, sealed, sealed_length, &x->forgets, err))
            return false;
    }
    return true;
}

struct work {
    struct exchange *x;
    bool (*effect)(struct exchange *, void *, struct err *);
    void *arg;
    struct names names;
};

/* A logout wins, also over what was begun before it and waited: a lock, a slow body. Costs no round trip of its own. */
static bool confirm(struct exchange *x, struct err *err)
{
    bool by_session = x->match.route->need == NEED_LOGIN || x->match.route->need == NEED_PAGE;

    return !by_session || x->ends_session || session_confirm(&x->services->sessions, &x->arena, &x->session, err);
}

/* A log-in may be done again when its session has ended: its password was verified again. Nothing else may. */
static bool may_begin_again(const struct exchange *x)
{
    return x->match.route->need == NEED_GUEST;
}

static bool refuse_dead_token(struct err *err)
{
    return err_set(err, ERR_LOGIN, "this was done, and the session that it began has ended since; log in");
}

static void sort_names(const struct names *names, size_t order[NAMES_MAX])
{
    for (size_t i = 0; i < names->count; i++) {
        size_t at = i;

        for (; at > 0 && memcmp(names->keys[order[at - 1]].key, names->keys[i].key, OUTCOME_KEY_BYTES) > 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/*
 * Claims all of the request's keys, in the order of their bytes, so that workers of which each has another first one do not wait for
 * each other. *found: what was kept under one of them is in the response.
 */
static bool claim(struct exchange *x, struct db *db, struct names *names, bool *found, struct err *err)
{
    size_t order[NAMES_MAX];

    sort_names(names, order);
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
    struct names *names = &work->names;
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

    if (!make_names(x, &work.names, err))
        return false;
    if (!db_transaction(x->services->sessions.db, run, &work, err)) {
        begin_answer(x);
        return false;
    }
    forget(x);
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
    forget(x);
    return true;
}

bool once_find(struct exchange *x, struct err *err)
{
    struct outcome outcome;
    struct names names;
    enum db_rc rc;

    if (!make_names(x, &names, err))
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
