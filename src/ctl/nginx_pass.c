#include "ctl/nginx_pass.h"

#include "base/address.h"
#include "base/decimal.h"
#include "base/networks.h"

#include <string.h>

enum { HOST_BYTES = 256, PORT_HTTP = 80, PORT_HTTPS = 443, PORT_MAX = 65535 };

const struct nginx_pass_row nginx_passes[] = {
    {"proxy_pass", "proxy_set_header", "proxy_cache", "proxy_cache_key"},
    {"fastcgi_pass", "fastcgi_param", "fastcgi_cache", "fastcgi_cache_key"},
    {"uwsgi_pass", "uwsgi_param", "uwsgi_cache", "uwsgi_cache_key"},
    {"scgi_pass", "scgi_param", "scgi_cache", "scgi_cache_key"},
    {"grpc_pass", "grpc_set_header", NULL, NULL},
    {"memcached_pass", NULL, NULL, NULL},
};

const size_t nginx_pass_count = sizeof nginx_passes / sizeof nginx_passes[0];

const struct nginx_directive *nginx_pass_find(const struct nginx_directive *block, const struct nginx_pass_row **row)
{
    const struct nginx_directive *found, *inner = NULL;

    for (size_t i = 0; i < nginx_pass_count; i++)
        if ((found = nginx_next(block, NULL, nginx_passes[i].pass)) != NULL) {
            *row = &nginx_passes[i];
            return found;
        }
    while ((inner = nginx_next(block, inner, "if")) != NULL)
        if ((found = nginx_pass_find(inner, row)) != NULL)
            return found;
    return NULL;
}

/* --- Addresses */

/* Networks that no router of the internet has a way to (RFC 1918, 6598, 3927, 4193, 4291). */
static bool is_private(const char *address)
{
    return networks_have(
        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16, fc00::/7, fe80::/10", address);
}

static enum nginx_reach reach_of(const char *host)
{
    unsigned char bytes[ADDRESS_BYTES];

    if (strcmp(host, "localhost") == 0)
        return NGINX_REACH_HOST;
    if (strcmp(host, "*") == 0)
        return NGINX_REACH_PUBLIC;
    if (!address_read(host, bytes))
        return NGINX_REACH_UNKNOWN;
    if (networks_have("127.0.0.0/8, ::1", host))
        return NGINX_REACH_HOST;
    return is_private(host) ? NGINX_REACH_NETWORK : NGINX_REACH_PUBLIC;
}

/* host and port, the host without brackets and as one name for this host. */
static bool set_address(struct arena *arena, const char *host, int port, struct nginx_address *address, struct err *err)
{
    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        host = "127.0.0.1";
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "*";
    address->reach = reach_of(host);
    address->port = port;
    address->text = arena_printf(arena, "%s:%d", host, port);
    return address->text != NULL || err_memory(err);
}

/* Splits "host:port", "[::1]:port" or "host"; without a port, port is left unchanged. False: it is none of these. */
static bool split(const char *text, size_t length, char host[HOST_BYTES], int *port)
{
    const char *end = text + length, *colon;
    char number[DECIMAL_BYTES];
    int64_t value;

    if (length > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', length);

        if (close == NULL || close - text - 1 >= HOST_BYTES)
            return false;
        memcpy(host, text + 1, (size_t)(close - text - 1));
        host[close - text - 1] = '\0';
        colon = close + 1;
    } else {
        colon = memchr(text, ':', length);
        if (colon == NULL)
            colon = end;
        if (colon - text >= HOST_BYTES)
            return false;
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = '\0';
    }
    for (char *c = host; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
    if (colon == end)
        return true;
    if (*colon != ':' || (size_t)(end - colon - 1) >= sizeof number)
        return false;
    memcpy(number, colon + 1, (size_t)(end - colon - 1));
    number[end - colon - 1] = '\0';
    if (!decimal_parse(number, 1, PORT_MAX, &value))
        return false;
    *port = (int)value;
    return true;
}

static bool set_unknown(struct arena *arena, const char *text, struct nginx_address *address, struct err *err)
{
    *address = (struct nginx_address){.text = arena_strdup(arena, text), .reach = NGINX_REACH_UNKNOWN};
    return address->text != NULL || err_memory(err);
}

static bool set_unix(struct arena *arena, const char *text, struct nginx_address *address, struct err *err)
{
    /* proxy_pass has a path of the request behind a second colon. */
    size_t length = 5 + strcspn(text + 5, ":");

    *address = (struct nginx_address){.text = arena_strndup(arena, text, length), .reach = NGINX_REACH_HOST};
    return address->text != NULL || err_memory(err);
}

bool nginx_address_read(struct arena *arena, const char *pass, struct nginx_address *address, struct err *err)
{
    const char *at = strstr(pass, "://");
    char host[HOST_BYTES];
    int port = at != NULL && strncmp(pass, "https", 5) == 0 ? PORT_HTTPS : PORT_HTTP;

    at = at != NULL ? at + 3 : pass;
    if (strncmp(at, "unix:", 5) == 0)
        return set_unix(arena, at, address, err);
    if (strchr(pass, '$') != NULL || !split(at, strcspn(at, "/"), host, &port))
        return set_unknown(arena, pass, address, err);
    return set_address(arena, host, port, address, err);
}

bool nginx_listen_read(struct arena *arena, const struct nginx_directive *listen, struct nginx_address *address,
                       struct err *err)
{
    const char *word = nginx_word(listen, 1);
    char host[HOST_BYTES];
    int port = PORT_HTTP;
    int64_t number;

    if (strncmp(word, "unix:", 5) == 0)
        return set_unix(arena, word, address, err);
    if (decimal_parse(word, 1, PORT_MAX, &number))
        return set_address(arena, "*", (int)number, address, err);
    if (!split(word, strlen(word), host, &port))
        return set_unknown(arena, word, address, err);
    return set_address(arena, host, port, address, err);
}
