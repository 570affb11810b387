/*
 * Finds what is open in a configuration of nginx with the gate. Each function adds its findings; none uses the network
 * or the database. What can't be judged is a finding too.
 */
#ifndef MAYFLY_CTL_NGINX_CHECK_H
#define MAYFLY_CTL_NGINX_CHECK_H

#include "ctl/nginx_findings.h"
#include "ctl/nginx_model.h"
#include "gate/origin.h"

/* Locations without the gate, and answers that are given before the gate is asked. nginx_check.c */
bool nginx_check_locations(struct nginx_model *, struct nginx_findings *, struct err *) MUST_CHECK;

/* Answers and redirects of a block before the gate is asked. nginx_check_early.c */
bool nginx_check_early(const struct nginx_location *, const struct nginx_directive *block, struct nginx_findings *,
                       struct err *) MUST_CHECK;
/* Whether a target is another site's, or this one's from outside. */
bool nginx_is_redirect(const char *target);

/* The identity that a gated location's app is told, and the headers it is sent. nginx_check_app.c */
bool nginx_check_apps(const struct nginx_model *, struct nginx_findings *, struct err *) MUST_CHECK;

/* Ways to the same app that bypass the gate. nginx_check_around.c */
bool nginx_check_around(const struct nginx_model *, struct nginx_findings *, struct err *) MUST_CHECK;

/* Compares the sites of the database with the configuration. nginx_check_sites.c */
struct nginx_site {
    const char *name;
    struct origin origin; /* a site with several origins has several of these */
    struct nginx_site *next;
};

struct nginx_sites {
    struct nginx_site *first;
    /* Whether anybody has the group; NULL: it is not known. */
    bool (*group_exists)(void *arg, const char *group, bool *exists, struct err *);
    void *arg;
};

/* sites is NULL when they are not known; then nothing is compared with them. */
bool nginx_check_sites(const struct nginx_model *, struct nginx_sites *sites, struct nginx_findings *,
                       struct err *) MUST_CHECK;

#endif
