/* The findings of mayflyctl nginx check. Each kind has a word, a reason and a remedy; each finding has a place. */
#ifndef MAYFLY_CTL_NGINX_FINDINGS_H
#define MAYFLY_CTL_NGINX_FINDINGS_H

#include "ctl/nginx_config.h"

enum nginx_kind {
    NGINX_OPEN,
    NGINX_REGEX,
    NGINX_NESTED,
    NGINX_OFF,
    NGINX_REACHED,
    NGINX_EARLY,
    NGINX_SATISFY,
    NGINX_IDENTITY,
    NGINX_FORGED,
    NGINX_BACKEND,
    NGINX_AROUND,
    NGINX_ERROR_PAGE,
    NGINX_ALIAS,
    NGINX_NAMES,
    NGINX_SLASHES,
    NGINX_INTERNAL,
    NGINX_NO_GATE,
    NGINX_GATE_HEADERS,
    NGINX_SNIPPET,
    NGINX_RULE,
    NGINX_CACHE,
    NGINX_NO_SITE,
    NGINX_NO_SERVER,
    NGINX_TLS,
    NGINX_UNJUDGED,
    NGINX_WEBSOCKET,
    NGINX_NETWORK,
    NGINX_KINDS
};

struct nginx_kind_row {
    const char *word;
    const char *why;
    const char *instead;
    bool is_hint; /* it may be meant, so it alone is no reason for another exit status */
};

extern const struct nginx_kind_row nginx_kinds[NGINX_KINDS];

struct nginx_finding {
    enum nginx_kind kind;
    const char *file; /* "" for what is in no file */
    int line;
    const char *where; /* "server git.example.org, location /" or "" */
    const char *what;
    const struct nginx_finding *next;
};

struct nginx_findings {
    struct arena *arena;
    struct nginx_finding *first, *last;
    int count, hints; /* count has no hints */
    int dropped;      /* beyond NGINX_FINDINGS_MAX */
};

/* A screen has room for fewer, and a large number has one cause. */
enum { NGINX_FINDINGS_MAX = 1000 };

/*
 * at: the directive that is wrong, or NULL. What is wrong with an included snippet is found where it is included. False
 * when memory is out.
 */
bool nginx_found(struct nginx_findings *, enum nginx_kind, const struct nginx_directive *at, const char *where,
                 struct err *, const char *what, ...) MUST_CHECK PRINTF_LIKE(6, 7);

#endif
