/* How a location passes a request to an app, and where the app listens. */
#ifndef MAYFLY_CTL_NGINX_PASS_H
#define MAYFLY_CTL_NGINX_PASS_H

#include "ctl/nginx_model.h"

/* A directive that passes requests to an app, with those that set its headers. */
struct nginx_pass_row {
    const char *pass;      /* proxy_pass */
    const char *tells;     /* proxy_set_header; NULL: nothing can be told */
    const char *cache;     /* proxy_cache, or NULL */
    const char *cache_key; /* proxy_cache_key */
};

extern const struct nginx_pass_row nginx_passes[];
extern const size_t nginx_pass_count;

/* The passing directive of a block, or of an if in it; *row is its kind. NULL: there is none. */
const struct nginx_directive *nginx_pass_find(const struct nginx_directive *block, const struct nginx_pass_row **row);

enum nginx_reach {
    NGINX_REACH_HOST,    /* a unix socket, 127.0.0.1 */
    NGINX_REACH_NETWORK, /* an address that is not routed in the internet */
    NGINX_REACH_PUBLIC,
    NGINX_REACH_UNKNOWN, /* a name, or a variable */
};

/* Where an app listens: one spelling for one address. */
struct nginx_address {
    const char *text; /* host:port, or unix:/path */
    enum nginx_reach reach;
    int port; /* 0: none */
};

/*
 * Of "http://127.0.0.1:3000/x", "unix:/run/a.sock", "app:9000"; port is the one that counts when none is written.
 * False: memory is out.
 */
bool nginx_address_read(struct arena *, const char *pass, struct nginx_address *, struct err *) MUST_CHECK;

/* The address of a server's listen, as above, with "*" for every address of the host. */
bool nginx_listen_read(struct arena *, const struct nginx_directive *listen, struct nginx_address *,
                       struct err *) MUST_CHECK;

#endif
