#include "ctl/nginx_check.h"
#include "ctl/nginx_pass.h"

#include <string.h>

struct check {
    struct nginx_findings *findings;
    struct err *err;
};

/* --- Locations without the gate */

/* Whether some prefix of the server is gated and yields to patterns. */
static bool has_gated_prefix(const struct nginx_server *server)
{
    for (const struct nginx_location *one = server->first; one != NULL; one = one->next)
        if (one->gate == NGINX_GATED && one->match == NGINX_PREFIX)
            return true;
    return false;
}

static bool is_beneath_gate(const struct nginx_location *location)
{
    const struct nginx_directive *around = location->block->parent;
    const struct nginx_directive *asks = around != NULL ? nginx_in_force(around, "auth_request") : NULL;

    return asks != NULL && !nginx_word_is(asks, 1, "off");
}

static bool check_ungated(const struct check *check, const struct nginx_location *one)
{
    struct nginx_findings *findings = check->findings;
    const struct nginx_directive *off = nginx_in_force(one->block, "auth_request");

    /* Only nginx itself reaches some locations; they are checked where it does so. */
    if (one->is_internal || one->match == NGINX_NAMED || one->gives_nothing)
        return nginx_check_early(one, one->block, check->findings, check->err);
    if (off != NULL && is_beneath_gate(one))
        return nginx_found(findings, NGINX_OFF, off, one->where, check->err, "auth_request off beneath a gated block");
    if (one->reached_by != NULL)
        return nginx_found(
            findings, NGINX_REACHED, one->block, one->where, check->err,
            "%s leads here (line %d), and so may everybody, since the location is neither gated nor internal",
            one->reached_by->where, one->reached_at->line);
    if (one->match == NGINX_REST)
        return nginx_found(
            findings, NGINX_OPEN, one->block, one->where, check->err,
            "there is no location /, so every other path is answered by the server itself, without the gate");
    if (one->match == NGINX_PATTERN && has_gated_prefix(one->server))
        return nginx_found(findings, NGINX_REGEX, one->block, one->where, check->err,
                           "a location without the gate that wins over a gated prefix");
    return nginx_found(findings, NGINX_OPEN, one->block, one->where, check->err,
                       "a location without the gate beside gated ones");
}

/* --- Gated locations */

static bool check_satisfy(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_directive *satisfy = nginx_in_force(one->block, "satisfy");

    return satisfy == NULL || !nginx_word_is(satisfy, 1, "any") ||
           nginx_found(check->findings, NGINX_SATISFY, satisfy, one->where, check->err,
                       "satisfy any: the gate is only one of several ways in");
}

static bool sets_rule(const struct nginx_directive *block)
{
    const struct nginx_directive *set = NULL;

    while ((set = nginx_next(block, set, "set")) != NULL)
        if (nginx_word_is(set, 1, "$mayfly_require"))
            return true;
    return false;
}

/* nginx runs `set` of the innermost location only. */
static bool check_nested(const struct check *check, const struct nginx_location *one)
{
    for (const struct nginx_location *outer = one->outer; outer != NULL; outer = outer->outer)
        if (sets_rule(outer->block) && !sets_rule(one->block))
            return nginx_found(check->findings, NGINX_NESTED, one->block, one->where, check->err,
                               "it is inside of a location whose $mayfly_require it does not have");
    return true;
}

static bool names_gates_status(const struct nginx_directive *error_page)
{
    for (int i = 1; i + 1 < error_page->count; i++) {
        int status = nginx_status(error_page->words[i]);

        if (status == 401 || status == 403 || status == 500)
            return true;
    }
    return false;
}

static bool is_gates_page(const struct nginx_directive *page)
{
    return strncmp(nginx_word(page, page->count - 1), NGINX_GATE_NAMED, strlen(NGINX_GATE_NAMED)) == 0;
}

/* The first line for a status counts within a level. A level with lines of its own inherits none. */
static bool check_error_pages(const struct check *check, const struct nginx_location *one,
                              const struct nginx_directive *block)
{
    const struct nginx_directive *level = nginx_level(block, "error_page"), *page = NULL, *first = NULL, *takes = NULL;
    bool has_gates = false;

    while (level != NULL && (page = nginx_next(level, page, "error_page")) != NULL) {
        has_gates = has_gates || is_gates_page(page);
        first = first != NULL ? first : page;
        if (!has_gates && takes == NULL && names_gates_status(page))
            takes = page;
    }
    if (has_gates && takes == NULL)
        return true;
    if (has_gates)
        return nginx_found(check->findings, NGINX_ERROR_PAGE, takes, one->where, check->err,
                           "error_page before the snippet takes a status from it");
    return nginx_found(check->findings, NGINX_ERROR_PAGE, first != NULL ? first : one->block, one->where, check->err,
                       first != NULL
                           ? "error_page of its own, without the snippet's beside it, so that none of these counts"
                           : "the gate is asked, and no error_page leads to what it answers");
}

static bool check_ifs(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_directive *block = NULL;

    while ((block = nginx_next(one->block, block, "if")) != NULL)
        if (block->is_block && nginx_next(block, NULL, "error_page") != NULL && !check_error_pages(check, one, block))
            return false;
    return true;
}

static bool passes_nothing(const struct nginx_directive *block)
{
    const struct nginx_directive *headers = nginx_in_force(block, "proxy_pass_request_headers");

    return headers != NULL && nginx_word_is(headers, 1, "off");
}

static bool answers_itself(const struct nginx_directive *block)
{
    const struct nginx_pass_row *row;
    const struct nginx_directive *inner = NULL;

    while ((inner = nginx_next(block, inner, "if")) != NULL)
        if (nginx_next(inner, NULL, "return") != NULL)
            return true;
    return nginx_next(block, NULL, "return") != NULL || nginx_pass_find(block, &row) == NULL;
}

/* auth_request must ask the location of mayfly-gate.conf, which clients must not reach. */
static bool check_gate(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_directive *asks = nginx_in_force(one->block, "auth_request");
    const struct nginx_pass_row *row;
    const struct nginx_location *gate;

    for (gate = one->server->first; gate != NULL; gate = gate->next)
        if (gate->match == NGINX_EXACT && gate->outer == NULL && strcmp(gate->path, nginx_word(asks, 1)) == 0)
            break;
    if (gate == NULL)
        return nginx_found(check->findings, NGINX_NO_GATE, asks, one->where, check->err,
                           "auth_request %.80s, and the server has no such location", nginx_word(asks, 1));
    if (answers_itself(gate->block))
        return nginx_found(check->findings, NGINX_NO_GATE, gate->block, gate->where, check->err,
                           "it answers by itself, and asks nobody who may pass");
    if (nginx_pass_find(gate->block, &row) != NULL && strcmp(row->pass, "proxy_pass") == 0 &&
        !passes_nothing(gate->block) &&
        !nginx_found(check->findings, NGINX_GATE_HEADERS, gate->block, gate->where, check->err,
                     "what auth_request asks gets the client's headers"))
        return false;
    return gate->is_internal || nginx_found(check->findings, NGINX_INTERNAL, gate->block, gate->where, check->err,
                                            "what auth_request asks is not internal");
}

static bool check_gated(const struct check *check, const struct nginx_location *one)
{
    return check_gate(check, one) && nginx_check_early(one, one->block, check->findings, check->err) &&
           check_satisfy(check, one) && check_nested(check, one) && check_error_pages(check, one, one->block) &&
           check_ifs(check, one);
}

/* --- Where gated locations lead */

static bool note_target(const struct check *check, const struct nginx_location *from,
                        const struct nginx_directive *leads, const char *target)
{
    struct nginx_location *to;

    if (target[0] == '=' || target[0] == '\0' || nginx_is_redirect(target))
        return true;
    if (target[0] != '@' && nginx_constant(target) < 2)
        return true; /* such as $uri, which leads to the location that has the request already */
    to = nginx_model_find(from->server, target);
    if (to == NULL && target[0] == '@')
        return nginx_found(check->findings, NGINX_UNJUDGED, leads, from->where, check->err,
                           "it leads to %.80s, which the server does not have", target);
    if (to != NULL && to->gate == NGINX_UNGATED && to->reached_by == NULL) {
        to->reached_by = from;
        to->reached_at = leads;
    }
    return true;
}

static bool note_targets(const struct check *check, const struct nginx_location *from,
                         const struct nginx_directive *block)
{
    const struct nginx_directive *one = NULL, *level = nginx_level(block, "error_page");

    while (level != NULL && (one = nginx_next(level, one, "error_page")) != NULL)
        if (!nginx_is_ours(one) && !note_target(check, from, one, nginx_word(one, one->count - 1)))
            return false;
    for (one = NULL; (one = nginx_next(block, one, NULL)) != NULL;) {
        if (nginx_is_ours(one))
            continue;
        /* The others of try_files are files of this location. */
        if (nginx_is(one, "try_files") && !note_target(check, from, one, nginx_word(one, one->count - 1)))
            return false;
        if (nginx_is(one, "if") && !note_targets(check, from, one))
            return false;
    }
    return true;
}

/*
 * Starts at gated locations and at those that seem to serve nothing, and follows where they lead until nothing is new.
 */
static bool follow(const struct check *check, struct nginx_server *server)
{
    bool again = true;

    while (again) {
        again = false;
        for (struct nginx_location *one = server->first; one != NULL; one = one->next) {
            bool is_source = one->gate == NGINX_GATED || one->gives_nothing || one->match == NGINX_REST;

            if (one->is_followed || one->gate == NGINX_OURS || (!is_source && one->reached_by == NULL))
                continue;
            one->is_followed = again = true;
            if (!note_targets(check, one->reached_by != NULL ? one->reached_by : one, one->block))
                return false;
        }
    }
    return true;
}

/* --- Servers */

/* Header lines before Host are read by the rules of the port's default server, which may be another one. */
static bool check_words_of_others(const struct check *check, const struct nginx_server *server)
{
    const struct nginx_directive *said = nginx_in_force(server->block, "underscores_in_headers");

    return said == NULL || !nginx_word_is(said, 1, "on") ||
           nginx_found(
               check->findings, NGINX_NAMES, said, server->where, check->err,
               "underscores_in_headers on: as the default server of a port it counts for what is sent before Host");
}

static bool check_server_words(const struct check *check, const struct nginx_server *server)
{
    static const struct {
        const char *name, *bad;
        enum nginx_kind kind;
    } rows[] = {{"underscores_in_headers", "on", NGINX_NAMES},
                {"ignore_invalid_headers", "off", NGINX_NAMES},
                {"merge_slashes", "off", NGINX_SLASHES}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct nginx_directive *said = nginx_in_force(server->block, rows[i].name);

        if (said != NULL && nginx_word_is(said, 1, rows[i].bad) &&
            !nginx_found(check->findings, rows[i].kind, said, server->where, check->err, "%s %s", rows[i].name,
                         rows[i].bad))
            return false;
    }
    return true;
}

static bool ends_in_slash(const char *path)
{
    return path[0] != '\0' && path[strlen(path) - 1] == '/';
}

static bool check_alias(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_directive *alias = nginx_next(one->block, NULL, "alias");

    if (alias == NULL || (one->match != NGINX_PREFIX && one->match != NGINX_FINAL_PREFIX) || ends_in_slash(one->path) ||
        !ends_in_slash(nginx_word(alias, 1)))
        return true;
    return nginx_found(check->findings, NGINX_ALIAS, alias, one->where, check->err,
                       "alias of a location without a / at its end");
}

static bool check_location(const struct check *check, const struct nginx_location *one)
{
    if (one->gate == NGINX_OURS)
        return true;
    if (!check_alias(check, one))
        return false;
    if (one->gate == NGINX_FOREIGN)
        return nginx_found(check->findings, NGINX_UNJUDGED, nginx_in_force(one->block, "auth_request"), one->where,
                           check->err, "auth_request asks another gate than mayfly's");
    return one->gate == NGINX_GATED     ? check_gated(check, one)
           : one->gate == NGINX_UNGATED ? check_ungated(check, one)
                                        : nginx_check_early(one, one->block, check->findings, check->err);
}

static bool check_server(const struct check *check, struct nginx_server *server)
{
    if (!follow(check, server))
        return false;
    for (const struct nginx_location *one = server->first; one != NULL; one = one->next)
        if (!check_location(check, one))
            return false;
    return check_server_words(check, server);
}

bool nginx_check_locations(struct nginx_model *model, struct nginx_findings *findings, struct err *err)
{
    const struct check check = {findings, err};

    bool some = false;

    for (struct nginx_server *server = model->first; server != NULL; server = server->next) {
        some = some || server->is_gated;
        if (server->is_gated && !server->is_dead && !check_server(&check, server))
            return false;
    }
    for (struct nginx_server *server = model->first; server != NULL && some; server = server->next)
        if (!server->is_gated && !server->is_stream && !check_words_of_others(&check, server))
            return false;
    return true;
}
