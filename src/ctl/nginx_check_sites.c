/* Servers beside the sites that the gate knows, and the rules that locations set. */
#include "ctl/nginx_check.h"
#include "gate/rules.h"

#include <string.h>
#include <strings.h>

struct check {
    struct nginx_sites *sites; /* or NULL */
    struct nginx_findings *findings;
    struct err *err;
};

/* --- Names */

/* Whether a server_name stands for one host. Others, "*.example.org" or "~^a", are no site's. */
static bool is_plain(const char *name)
{
    return name[0] != '\0' && name[0] != '~' && name[0] != '.' && strpbrk(name, "*$\"") == NULL &&
           strcmp(name, "_") != 0;
}

static bool host_is(const char *host, const char *name)
{
    size_t length = strlen(name);

    if (length > 0 && name[length - 1] == '.')
        length--;
    return strlen(host) == length && strncasecmp(host, name, length) == 0;
}

static bool has_name(const struct nginx_server *server, const char *host)
{
    const struct nginx_directive *names = NULL;

    while ((names = nginx_next(server->block, names, "server_name")) != NULL)
        for (int i = 1; i < names->count; i++)
            if (host_is(host, names->words[i]))
                return true;
    return false;
}

/* Behind the gate, or with mayfly's own pages. */
static bool serves_mayfly(const struct nginx_server *server)
{
    for (const struct nginx_location *one = server->first; one != NULL && !server->is_dead; one = one->next)
        if (one->gate == NGINX_GATED || one->gate == NGINX_OURS)
            return true;
    return false;
}

static bool has_tls(const struct nginx_server *server)
{
    const struct nginx_directive *listen = NULL, *ssl = nginx_in_force(server->block, "ssl");

    while ((listen = nginx_next(server->block, listen, "listen")) != NULL)
        for (int i = 2; i < listen->count; i++)
            if (strcmp(listen->words[i], "ssl") == 0 || strcmp(listen->words[i], "quic") == 0)
                return true;
    return ssl != NULL && strcmp(nginx_word(ssl, 1), "on") == 0;
}

static bool check_names(const struct check *check, const struct nginx_server *server)
{
    const struct nginx_directive *names = NULL;

    while ((names = nginx_next(server->block, names, "server_name")) != NULL)
        for (int i = 1; i < names->count; i++) {
            bool known = !is_plain(names->words[i]);

            for (const struct nginx_site *site = check->sites->first; site != NULL && !known; site = site->next)
                known = host_is(site->origin.host, names->words[i]);
            if (!known && !nginx_found(check->findings, NGINX_NO_SITE, names, server->where, check->err,
                                       "%.160s is no site", names->words[i]))
                return false;
        }
    return true;
}

/* --- Sites */

static bool check_site(const struct check *check, const struct nginx_model *model, const struct nginx_site *site)
{
    const struct nginx_server *found = NULL;
    char text[ORIGIN_TEXT_BYTES];
    bool tls = false;

    for (const struct nginx_server *server = model->first; server != NULL; server = server->next)
        if (!server->is_stream && serves_mayfly(server) && has_name(server, site->origin.host)) {
            found = found != NULL ? found : server;
            /* Where another server in front ends TLS, it says the client's address. */
            tls = tls || has_tls(server) || nginx_in_force(server->block, "set_real_ip_from") != NULL;
        }
    origin_format(&site->origin, text);
    if (found == NULL)
        return nginx_found(check->findings, NGINX_NO_SERVER, NULL, "", check->err, "the site %s is at %.200s",
                           site->name, text);
    return tls || !site->origin.is_https ||
           nginx_found(check->findings, NGINX_TLS, found->block, found->where, check->err,
                       "the site %s is at %.200s, and no server of this name has TLS", site->name, text);
}

/* --- Rules */

static bool check_groups(const struct check *check, const struct nginx_directive *set,
                         const struct nginx_server *server, const struct rules *rules)
{
    for (int i = 0; i < rules->term_count && check->sites != NULL && check->sites->group_exists != NULL; i++) {
        const struct rules_term *term = &rules->terms[i];

        for (int k = term->first; k < term->first + term->count && term->kind == RULES_GROUP; k++) {
            bool exists = true;

            if (!check->sites->group_exists(check->sites->arg, rules->values[k].text, &exists, check->err))
                return false;
            if (!exists && !nginx_found(check->findings, NGINX_RULE, set, server->where, check->err,
                                        "nobody has the group %s", rules->values[k].text))
                return false;
        }
    }
    return true;
}

static bool check_rule(const struct check *check, const struct nginx_directive *set, const struct nginx_server *server)
{
    struct err reason = {.kind = ERR_NONE};
    const char *text = nginx_word(set, 2);
    struct rules_place place;
    struct rules rules;

    if (text[0] == '\0')
        return true; /* the site's own alone */
    if (nginx_is(set->parent, "if"))
        return nginx_found(check->findings, NGINX_UNJUDGED, set, server->where, check->err,
                           "$mayfly_require is set under a condition");
    if (strchr(text, '$') != NULL)
        return nginx_found(check->findings, NGINX_UNJUDGED, set, server->where, check->err,
                           "$mayfly_require is made of variables: %.80s", text);
    if (rules_read(check->findings->arena, text, strlen(text), &rules, &place, &reason))
        return check_groups(check, set, server, &rules);
    if (reason.kind != ERR_VALUE) {
        *check->err = reason;
        return false;
    }
    return nginx_found(check->findings, NGINX_RULE, set, server->where, check->err, "$mayfly_require, character %d: %s",
                       place.character, reason.detail);
}

/* Depth is bounded by NGINX_DEPTH_MAX. */
static bool check_rules(const struct check *check, const struct nginx_directive *block,
                        const struct nginx_server *server)
{
    const struct nginx_directive *one = NULL;

    while ((one = nginx_next(block, one, NULL)) != NULL) {
        if (nginx_is(one, "set") && strcmp(nginx_word(one, 1), "$mayfly_require") == 0 && !nginx_is_ours(one) &&
            !check_rule(check, one, server))
            return false;
        if (one->is_block && !check_rules(check, one, server))
            return false;
    }
    return true;
}

/* What the gate answers. */
static bool is_answer(const char *variable)
{
    static const char *const names[] = {"$mayfly_user", "$mayfly_id",     "$mayfly_email",
                                        "$mayfly_name", "$mayfly_groups", "$mayfly_method"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(variable, names[i]) == 0)
            return true;
    return false;
}

/* A map may give any value for each request. */
static bool check_maps(const struct check *check, const struct nginx_model *model)
{
    const struct nginx_directive *http = NULL, *map;

    while ((http = nginx_next(&model->config->root, http, "http")) != NULL)
        for (map = NULL; (map = nginx_next(http, map, NULL)) != NULL;) {
            const char *variable = nginx_word(map, map->count - 1);
            bool is_rule = strcmp(variable, "$mayfly_require") == 0;

            if (!map->is_block || nginx_is_ours(map) || (!is_rule && !is_answer(variable)))
                continue;
            if (!nginx_found(check->findings, is_rule ? NGINX_UNJUDGED : NGINX_FORGED, map, "", check->err,
                             "%.60s is made by %.20s", variable, map->words[0]))
                return false;
        }
    return true;
}

bool nginx_check_sites(const struct nginx_model *model, struct nginx_sites *sites, struct nginx_findings *findings,
                       struct err *err)
{
    const struct check check = {sites, findings, err};

    for (const struct nginx_server *server = model->first; server != NULL; server = server->next) {
        if (!server->is_gated || server->is_dead)
            continue;
        if (!check_rules(&check, server->block, server) || (sites != NULL && !check_names(&check, server)))
            return false;
    }
    for (const struct nginx_site *site = sites != NULL ? sites->first : NULL; site != NULL; site = site->next)
        if (!check_site(&check, model, site))
            return false;
    return check_maps(&check, model);
}
