/* The servers and locations of a configuration as requests reach them, and which are behind the gate. */
#ifndef MAYFLY_CTL_NGINX_MODEL_H
#define MAYFLY_CTL_NGINX_MODEL_H

#include "ctl/nginx_config.h"

enum {
    /* Each is compared with each in the worst case. */
    NGINX_LOCATIONS_MAX = 8192,
};

/*
 * The target of auth_request in mayfly-ask.conf. Every location whose auth_request has this target is behind the gate.
 */
#define NGINX_GATE_URI "mayfly:gate"
/* The gate's own answers are named locations with this prefix. */
#define NGINX_GATE_NAMED "@mayfly_"

enum nginx_gate {
    NGINX_UNGATED,
    NGINX_GATED,
    NGINX_PUBLIC,  /* mayfly-public.conf declares that everybody may pass */
    NGINX_FOREIGN, /* another auth_request */
    NGINX_OURS,    /* a location of the shipped files, or one that leads to mayfly's own workers */
};

enum nginx_match {
    NGINX_PREFIX,
    NGINX_FINAL_PREFIX, /* ^~ */
    NGINX_EXACT,
    NGINX_PATTERN, /* ~ and ~* */
    NGINX_NAMED,
    NGINX_REST, /* requests that match no location, with the server's own directives */
};

struct nginx_server;

struct nginx_location {
    const struct nginx_directive *block;
    const struct nginx_server *server;
    const struct nginx_location *outer; /* the location around it, or NULL */
    struct nginx_location *next;        /* of the server, in the order of the text */
    enum nginx_match match;
    enum nginx_gate gate;
    const char *path;
    const char *where;
    bool is_internal;
    bool gives_nothing;                      /* answers with a refusal, a redirect or an empty answer, to everybody */
    const struct nginx_location *reached_by; /* one that leads here, gated or not */
    const struct nginx_directive *reached_at;
    bool is_followed; /* its own targets have been followed */
};

struct nginx_server {
    const struct nginx_directive *block;
    struct nginx_location *first, *last;
    struct nginx_server *next;
    const char *where;
    bool is_gated;  /* some location is, or all of it */
    bool is_stream; /* of stream {}: bytes, no requests */
    bool is_dead;   /* a return of its own answers everything */
};

struct nginx_model {
    const struct nginx_config *config;
    struct nginx_server *first, *last;
    int locations;
};

/* ERR_INPUT: there are too many locations, or one that nginx would not take. */
bool nginx_model_make(struct arena *, const struct nginx_config *, struct nginx_model *, struct err *) MUST_CHECK;

/* Whether a directive stands in a snippet that mayfly ships. */
bool nginx_is_ours(const struct nginx_directive *);

/* The location that a target of nginx's own, "@name" or a path, leads to; NULL: it can't be told, or there is none. */
struct nginx_location *nginx_model_find(const struct nginx_server *, const char *target);

/* The path of the text before its first variable; its length. */
size_t nginx_constant(const char *text);

/* 0 for a word that is no status. */
int nginx_status(const char *word);

#endif
