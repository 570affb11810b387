#include "app/once_names.h"

#include "app/once.h"
#include "base/bytes.h"

#include <string.h>

enum {
    IDEMPOTENCY_KEY_MAX = 255,
    /* A request's head, for which nginx takes 32 KiB, and the names and types of the files of a form. */
    FINGERPRINT_MAX_BYTES = 512 * 1024,
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

/* The owner of a key. The letter distinguishes the kinds of owners. */
struct owner {
    char letter;
    const void *bytes;
    size_t length;
};

static bool has_own_key(const struct exchange *x)
{
    return x->request.idempotency_key[0] != '\0';
}

/* Whether the path means another thing in each session, so that a request of another session is another request. */
static bool concerns_session(const struct exchange *x)
{
    static const char *const paths[] = {"/logout", "/gate/logout", "/session/data", "/sessions",
                                        "/sessions/end-others"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (strcmp(x->match.route->path, paths[i]) == 0)
            return true;
    return false;
}

/*
 * Without a credential the key is bound to the body: two strangers may choose the same Idempotency-Key, and a stranger
 * who knows the whole body of a log-in could log in anyway.
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
        /* A request without an id is never repeated. */
        random_bytes(random, sizeof random);
        ok = ok && buf_add(&message, random, sizeof random);
    }
    if (!ok)
        return err_set(err, ERR_INPUT, "the path is too long");
    secret_mac(&x->services->secret, secret_key, "outcome", message.bytes, message.length, mac);
    return true;
}

/* The parameter of a form's type is its boundary, which differs each time. */
static int length_of_type(const struct request *request)
{
    size_t length = strlen(request->content_type);

    return (int)(request_has_type(request, "multipart/form-data") ? strcspn(request->content_type, "; \t") : length);
}

/*
 * Hashes everything that says what is to be done, except method and path, which are in the key. The form of the answer
 * (Accept) and the proofs (cookies, tokens) do not belong to it. t/4710 compares this with the members of a request.
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

/* The owner of the first key of a request with an Idempotency-Key. */
static struct owner owner_of(const struct exchange *x, const unsigned char *body_mac)
{
    if (x->match.route->need == NEED_GUEST || !x->has_token)
        return (struct owner){'k', body_mac, OUTCOME_KEY_BYTES};
    if (x->has_session && !concerns_session(x))
        return (struct owner){'a', &x->session.account, sizeof x->session.account};
    return (struct owner){'s', &x->lookup.token, sizeof x->lookup.token};
}

/* A site's programs may have several keys, and take turns with them. */
static bool add_name_of_site(struct exchange *x, size_t secret_key, const unsigned char body_mac[OUTCOME_KEY_BYTES],
                             struct once_names *names, struct err *err)
{
    const struct owner owner = {has_own_key(x) ? 'w' : 'v', &x->caller, sizeof x->caller};
    struct outcome_key *key = &names->keys[names->count++];

    return bind_key(x, secret_key, &owner, key->key, err) &&
           fingerprint(x, secret_key, body_mac, key->fingerprint, err);
}

static bool add_names(struct exchange *x, size_t secret_key, struct once_names *names, struct err *err)
{
    unsigned char body_mac[OUTCOME_KEY_BYTES];
    struct owner owner, presented;
    struct outcome_key *key;

    secret_mac(&x->services->secret, secret_key, "outcome fingerprint", x->body.bytes, x->body.length, body_mac);
    if (x->has_caller)
        return add_name_of_site(x, secret_key, body_mac, names, err);
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

bool once_names_make(struct exchange *x, struct once_names *names, struct err *err)
{
    *names = (struct once_names){.count = 0};
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
    /* The other keys of the same outcome do not count for the account. */
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

void once_names_sort(const struct once_names *names, size_t order[ONCE_NAMES_MAX])
{
    for (size_t i = 0; i < names->count; i++) {
        size_t at = i;

        for (; at > 0 && memcmp(names->keys[order[at - 1]].key, names->keys[i].key, OUTCOME_KEY_BYTES) > 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}
