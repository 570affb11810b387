#include "app/gate/way.h"

#include "base/bytes.h"
#include "base/decimal.h"

#include <string.h>
#include <strings.h>

/* What a seal is for: no other sealed text can be taken for one. */
static const char context[] = "way of the gate";

const char *way_home(const struct exchange *x)
{
    const struct config *config = &x->services->config;

    if (config->home[0] != '\0')
        return config->home;
    return config->public_origin[0] != '\0' ? config->public_origin : x->request.origin;
}

/* Where this request is; where its site begins when that is too long, or nothing that a header can have. */
static const char *here(struct exchange *x)
{
    const char *target = x->request.target;
    char origin[ORIGIN_TEXT_BYTES];
    bool plain;

    origin_format(x->site->origin, origin);
    plain = target[0] == '/' && strlen(origin) + strlen(target) < WAY_URL_BYTES;

    for (const char *c = target; plain && *c != '\0'; c++)
        plain = (unsigned char)*c > ' ' && *c != 0x7F;
    return arena_printf(&x->arena, "%s%s", origin, plain ? target : "/");
}

const char *way_seal(struct exchange *x, const char *purpose, const char *text)
{
    struct err ignored = {.kind = ERR_NONE};
    unsigned char *sealed;
    size_t length;
    char *shown;

    if (!secret_seal(&x->services->secret, &x->arena, purpose, strlen(purpose), text, strlen(text), &sealed, &length,
                     &ignored))
        return NULL;
    shown = arena_alloc(&x->arena, BASE64_TEXT_BYTES(length));
    if (shown != NULL)
        bytes_to_base64(sealed, length, shown);
    return shown;
}

bool way_unseal(struct exchange *x, const char *purpose, const char *sealed, char **text, struct err *err)
{
    size_t length = strcspn(sealed, "&"), bytes_length = length * 3 / 4, text_length;
    unsigned char *bytes = arena_alloc(&x->arena, bytes_length + 1);
    struct err failure = {.kind = ERR_NONE};

    if (bytes == NULL)
        return err_memory(err);
    if (length > WAY_TEXT_BYTES || !bytes_from_base64(sealed, length, bytes, bytes_length))
        return false;
    if (secret_open(&x->services->secret, &x->arena, purpose, strlen(purpose), bytes, bytes_length, text, &text_length,
                    &failure))
        return true;
    if (failure.kind == ERR_DOWN)
        *err = failure;
    return false;
}

const char *way_to_login(struct exchange *x, const char *tie, bool again)
{
    const char *url = here(x), *shown = NULL;
    const char *text = url != NULL ? arena_printf(&x->arena, "%c%lld %s %s %s", again ? '+' : '-',
                                                  (long long)x->services->clock->now_ms(), tie, x->request.prefix, url)
                                   : NULL;

    if (text != NULL)
        shown = way_seal(x, context, text);
    return shown != NULL ? arena_printf(&x->arena, "%s/enter?to=%s", way_home(x), shown) : NULL;
}

/* "-1700000000000 TIE /mayfly https://…" */
static bool read_text(struct exchange *x, char *text, struct way *way)
{
    char *rest = text + 1;
    const char *made = strsep(&rest, " ");
    int64_t age_ms;

    *way = (struct way){.again = text[0] == '+'};
    way->tie = strsep(&rest, " ");
    way->prefix = strsep(&rest, " ");
    way->url = rest;
    if (way->url == NULL || (text[0] != '-' && text[0] != '+') || !decimal_parse(made, 0, INT64_MAX, &way->made_ms))
        return false;
    age_ms = x->services->clock->now_ms() - way->made_ms;
    return age_ms > -60 * 1000 && age_ms < WAY_LIFE_S * INT64_C(1000);
}

bool way_open(struct exchange *x, const char *sealed, struct way *way, struct err *err)
{
    char *text;

    if (way_unseal(x, context, sealed, &text, err) && read_text(x, text, way))
        return true;
    return err->kind == ERR_NONE &&
           err_field(err, ERR_VALUE, "to", "this way to a site is not one of ours, or too old; open the site again");
}

const char *way_origin(struct exchange *x, const char *path)
{
    static const char enter[] = "/enter?to=";
    struct err ignored = {.kind = ERR_NONE};
    char text[ORIGIN_TEXT_BYTES];
    struct origin origin;
    const char *target;
    struct way way;

    if (path == NULL || strncmp(path, enter, sizeof enter - 1) != 0 ||
        !way_open(x, path + sizeof enter - 1, &way, &ignored) || !origin_of_url(way.url, &origin, &target, &ignored))
        return NULL;
    origin_format(&origin, text);
    return arena_strdup(&x->arena, text);
}

/* Cookies know no ports. */
static size_t host_length(const char *host)
{
    return host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":/");
}

bool way_shares_cookie(const struct exchange *x, const struct way *way)
{
    const char *own = strstr(x->request.origin, "://"), *other = strstr(way->url, "://");
    const char *domain = x->services->config.cookie_domain;
    size_t length;

    if (own == NULL || other == NULL)
        return false;
    length = host_length(other + 3);
    if (length == host_length(own + 3) && strncasecmp(own + 3, other + 3, length) == 0)
        return true;
    if (domain[0] == '\0' || length < strlen(domain) ||
        strncasecmp(other + 3 + length - strlen(domain), domain, strlen(domain)) != 0)
        return false;
    return length == strlen(domain) || other[3 + length - strlen(domain) - 1] == '.';
}
