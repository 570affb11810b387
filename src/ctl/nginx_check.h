/*
 * What is open in a configuration of nginx with the gate in it. Each function adds what it finds; none asks anybody.
 * What they can't judge is found as such.
 */
#ifndef MAYFLY_CTL_NGINX_CHECK_H
#define MAYFLY_CTL_NGINX_CHECK_H

#include "ctl/nginx_findings.h"
#include "ctl/nginx_model.h"
#include "gate/origin.h"

/* Who passes without being asked: locations without the gate, and what is answered before it. nginx_check.c */
bool nginx_check_locations(struct nginx_model *, struct nginx_findings *, struct err *) MUST_CHECK;

/* What a block answers, or leads elsewhere, before the gate is asked. nginx_check_early.c */
bool nginx_check_early(const struct nginx_location *, const struct nginx_directive *block, struct nginx_findings *,
                       struct err *) MUST_CHECK;
/* Whether a target is another site's, or this one's from outside. */
bool nginx_is_redirect(const char *target);

/* What a gated location's app is told, and what it is sent. nginx_check_app.c */
bool nginx_check_apps(const struct nginx_model *, struct nginx_findings *, struct err *) MUST_CHECK;

/* Ways to the same app that do not come through the gate. nginx_check_around.c */
bool nginx_check_around(const struct nginx_model *, struct nginx_findings *, struct err *) MUST_CHECK;

/* What is known of sites beside the configuration. nginx_check_sites.c */
struct nginx_site {
    const char *name;
    struct origin origin; /* a site of several origins is here as often */
    struct nginx_site *next;
};

struct nginx_sites {
    struct nginx_site *first;
    /* Whether anybody has the group; NULL: it is not known. */
    bool (*group_exists)(void *arg, const char *group, bool *exists, struct err *);
    void *arg;
};

/* sites is NULL when they are not known: then only what needs none is checked. */
bool nginx_check_sites(const struct nginx_model *, struct nginx_sites *sites, struct nginx_findings *,
                       struct err *) MUST_CHECK;

#endif
