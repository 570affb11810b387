#include "app/gate/ticket.h"

#include "app/account/cookie.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/visit.h"

#include <string.h>

enum {
    NONCE_BYTES = 32,
    NONCE_TEXT_BYTES = BASE64_TEXT_BYTES(NONCE_BYTES),
    TIE_TEXT_BYTES = BASE64_TEXT_BYTES(SECRET_MAC_BYTES),
};

/* The context of the seal, so that no other sealed text is accepted as a ticket. */
static const char context[] = "ticket of the gate";

static const char *digest_of(struct exchange *x, size_t key, const char *nonce)
{
    unsigned char mac[SECRET_MAC_BYTES];
    char *text = arena_alloc(&x->arena, TIE_TEXT_BYTES);

    if (text == NULL)
        return NULL;
    secret_mac(&x->services->secret, key, "way", nonce, strlen(nonce), mac);
    bytes_to_base64(mac, sizeof mac, text);
    return text;
}

/* The value of the cookie that the browser has sent, or NULL. */
static const char *sent_nonce(struct exchange *x)
{
    const char *name = cookie_name(&x->services->config, COOKIE_WAY), *text;
    unsigned char bytes[NONCE_BYTES];
    size_t length;

    text = request_cookie(&x->request, name, NULL, &length);
    return text != NULL && bytes_from_base64(text, length, bytes, sizeof bytes) ? arena_strndup(&x->arena, text, length)
                                                                                : NULL;
}

const char *ticket_tie(struct exchange *x, struct err *err)
{
    unsigned char bytes[NONCE_BYTES];
    char text[NONCE_TEXT_BYTES];
    const char *nonce = sent_nonce(x), *tie;

    /* One cookie serves all tabs, and its life is extended each time, since a log-in may take long. */
    if (nonce == NULL) {
        random_bytes(bytes, sizeof bytes);
        bytes_to_base64(bytes, sizeof bytes, text);
        nonce = text;
    }
    tie = digest_of(x, 0, nonce);
    if (tie == NULL)
        err_memory(err);
    return tie != NULL && cookie_set(&x->services->config, &x->response, COOKIE_WAY, nonce, WAY_LIFE_S, err) ? tie
                                                                                                             : NULL;
}

/* The origin of an address, as text; *host is its host in lower case. */
static const char *origin_of(struct exchange *x, const char *url, struct origin *origin)
{
    struct err ignored = {.kind = ERR_NONE};
    const char *target;
    char text[ORIGIN_TEXT_BYTES];

    if (!origin_of_url(url, origin, &target, &ignored))
        return NULL;
    origin_format(origin, text);
    return arena_strdup(&x->arena, text);
}

const char *ticket_make(struct exchange *x, const struct way *way)
{
    struct origin origin;
    const char *site = origin_of(x, way->url, &origin), *text, *sealed = NULL;
    const struct visit_scope scope = {.secret = &x->services->secret, .host = origin.host};
    char token[VISIT_TEXT_BYTES];

    if (site == NULL)
        return NULL;
    visit_make(&scope, &x->session.id, x->session.hash, token);
    text = arena_printf(&x->arena, "%lld %s %s %s", (long long)x->services->clock->now_ms(), way->tie, token, way->url);
    if (text != NULL)
        sealed = way_seal(x, context, text);
    return sealed != NULL ? arena_printf(&x->arena, "%s%s/enter?ticket=%s", site, way->prefix, sealed) : NULL;
}

static bool is_tied(struct exchange *x, const char *tie)
{
    const char *nonce = sent_nonce(x);

    for (size_t i = 0; nonce != NULL && i < x->services->secret.count; i++) {
        const char *own = digest_of(x, i, nonce);

        if (own != NULL && strlen(tie) == strlen(own) && bytes_equal(own, tie, strlen(own)))
            return true;
    }
    return false;
}

bool ticket_redeem(struct exchange *x, const char *sealed, const char **token, const char **url, struct err *err)
{
    struct origin wanted, here;
    char *rest, *made, *tie;
    int64_t made_ms, age_ms;

    if (!way_unseal(x, context, sealed, &rest, err)) {
        if (err->kind == ERR_NONE)
            err_field(err, ERR_VALUE, "ticket", "this is no ticket of ours; open the site again");
        return false;
    }
    made = strsep(&rest, " ");
    tie = strsep(&rest, " ");
    *token = strsep(&rest, " ");
    *url = rest;
    if (*url == NULL || !decimal_parse(made, 0, INT64_MAX, &made_ms))
        return err_set(err, ERR_BUG, "a ticket of ours can't be read");
    age_ms = x->services->clock->now_ms() - made_ms;
    if (age_ms > TICKET_LIFE_S * 1000 || age_ms < -60 * 1000)
        return err_field(err, ERR_VALUE, "ticket", "this ticket is too old; open the site again");
    if (!origin_of(x, *url, &wanted) || !origin_of(x, x->request.origin, &here) ||
        strcmp(wanted.host, here.host) != 0 || wanted.port != here.port || wanted.is_https != here.is_https)
        return err_set(err, ERR_DENIED, "this ticket is for another site");
    if (!is_tied(x, tie))
        return err_set(err, ERR_DENIED,
                       "your browser has not kept this site's cookie, or this was begun in another "
                       "browser; allow cookies, and open the site again");
    return true;
}
