/* The identity that the app behind the gate is told, and caches that give one person's answer to another. */
#include "ctl/nginx_check.h"
#include "ctl/nginx_pass.h"

#include <string.h>

struct check {
    struct nginx_findings *findings;
    struct err *err;
};

enum { NAME_BYTES = 64 };

/* --- Identity */

/* "X-Auth-User" and "HTTP_X_AUTH_USER" are one name for an app. */
static void plain_name(const char *word, char name[NAME_BYTES])
{
    size_t length = 0;

    if (strncmp(word, "HTTP_", 5) == 0)
        word += 5;
    for (; *word != '\0' && length < NAME_BYTES - 1; word++)
        name[length++] = *word == '-' ? '_' : *word >= 'a' && *word <= 'z' ? (char)(*word + 'A' - 'a') : *word;
    name[length] = '\0';
}

/* The headers that the snippets set or remove. */
static bool is_identity(const char *word)
{
    char name[NAME_BYTES];

    plain_name(word, name);
    return strncmp(name, "X_AUTH_", 7) == 0 || strncmp(name, "MAYFLY_", 7) == 0 || strcmp(name, "REMOTE_USER") == 0 ||
           strcmp(name, "AUTH_TYPE") == 0 || strcmp(name, "COOKIE") == 0 || strcmp(name, "AUTHORIZATION") == 0;
}

/* A line with an empty value removes a header. */
static bool says_nothing(const struct nginx_directive *directive)
{
    return nginx_word(directive, 2)[0] == '\0';
}

/* A file of nginx's own, such as fastcgi.conf, is not to be changed, so the finding names the include of it. */
static const struct nginx_directive *included(const struct nginx_directive *line)
{
    while (line->via != NULL && strcmp(line->file, line->parent->file) != 0)
        line = line->via;
    return line;
}

/* Lines of the same name beside the snippet's: nginx sends all of them, and most apps take the last one. */
static bool check_forged(const struct check *check, const struct nginx_location *one,
                         const struct nginx_directive *level, const char *tells)
{
    const struct nginx_directive *line = NULL;
    bool is_behind = false;

    while ((line = nginx_next(level, line, tells)) != NULL) {
        if (nginx_is_ours(line)) {
            is_behind = true;
            continue;
        }
        /* nginx's own fastcgi_params has REMOTE_USER; before the snippet's line it has no effect. */
        if (!is_identity(nginx_word(line, 1)) || says_nothing(line) ||
            strncmp(nginx_word(line, 2), "$mayfly_", 8) == 0 ||
            (!is_behind && strcmp(nginx_word(line, 1), "REMOTE_USER") == 0))
            continue;
        if (!nginx_found(check->findings, NGINX_FORGED, included(line), one->where, check->err, "%s %.60s %.80s", tells,
                         nginx_word(line, 1), nginx_word(line, 2)))
            return false;
    }
    return true;
}

/* Whether the level has all lines of the snippet, included or copied. */
static bool tells_identity(const struct nginx_directive *level, const char *tells)
{
    const struct nginx_directive *line = NULL;
    bool user = false, cookie = false;

    while (level != NULL && (line = nginx_next(level, line, tells)) != NULL) {
        char name[NAME_BYTES];

        if (nginx_is_ours(line))
            return true;
        plain_name(nginx_word(line, 1), name);
        user = user || strcmp(name, "X_AUTH_USER") == 0;
        cookie = cookie || strcmp(name, "COOKIE") == 0;
    }
    return user && cookie;
}

/* The variables have the gate's answer, so setting them forges an identity. */
static bool check_variables(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_directive *level = nginx_level(one->block, "auth_request_set"), *set = NULL;
    bool has_gates = false;

    while (level != NULL && (set = nginx_next(level, set, "auth_request_set")) != NULL) {
        has_gates = has_gates || strcmp(nginx_word(set, 1), "$mayfly_user") == 0;
        if (!nginx_is_ours(set) && strncmp(nginx_word(set, 1), "$mayfly_", 8) == 0 &&
            strncmp(nginx_word(set, 2), "$upstream_http_x_auth_", 22) != 0 &&
            strncmp(nginx_word(set, 1), "$mayfly_gate_", 13) != 0 && strcmp(nginx_word(set, 1), "$mayfly_link") != 0 &&
            strcmp(nginx_word(set, 1), "$mayfly_bearer") != 0 && strcmp(nginx_word(set, 1), "$mayfly_basic") != 0 &&
            !nginx_found(check->findings, NGINX_FORGED, set, one->where, check->err, "auth_request_set %.60s %.80s",
                         nginx_word(set, 1), nginx_word(set, 2)))
            return false;
    }
    if (level != NULL && !has_gates)
        return nginx_found(check->findings, NGINX_IDENTITY, nginx_next(level, NULL, "auth_request_set"), one->where,
                           check->err, "auth_request_set of its own, without the snippet's beside it");
    for (set = NULL; (set = nginx_next(one->block, set, "set")) != NULL;)
        if (!nginx_is_ours(set) && strncmp(nginx_word(set, 1), "$mayfly_", 8) == 0 &&
            strcmp(nginx_word(set, 1), "$mayfly_require") != 0 && strcmp(nginx_word(set, 1), "$mayfly_prefix") != 0 &&
            !nginx_found(check->findings, NGINX_FORGED, set, one->where, check->err, "set %.60s", nginx_word(set, 1)))
            return false;
    return true;
}

static bool check_identity(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_pass_row *row;
    const struct nginx_directive *pass = nginx_pass_find(one->block, &row), *level;

    if (pass == NULL || nginx_is_ours(pass) || row->tells == NULL)
        return true;
    level = nginx_level(one->block, row->tells);
    if (tells_identity(level, row->tells))
        return check_forged(check, one, level, row->tells);
    if (level != NULL && level == one->block)
        return nginx_found(check->findings, NGINX_IDENTITY, included(nginx_next(level, NULL, row->tells)), one->where,
                           check->err, "%s of its own, without the snippet's beside it", row->tells);
    return nginx_found(check->findings, NGINX_IDENTITY, pass, one->where, check->err, "%s, and no %s says who it is%s",
                       row->pass, row->tells,
                       strcmp(row->pass, "proxy_pass") == 0 ? "" : "; each way to an app has its own snippet");
}

/*
 * A location that only nginx reaches: coming from a gated location, the app must be told the identity; coming from
 * another one, the gate was not asked.
 */
static bool check_reached(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_pass_row *row;
    const struct nginx_directive *pass = nginx_pass_find(one->block, &row);

    if (one->reached_by != NULL && one->reached_by->gate != NGINX_GATED && one->match == NGINX_NAMED &&
        !one->gives_nothing && (pass == NULL || !nginx_is_ours(pass)))
        return nginx_found(check->findings, NGINX_REACHED, one->block, one->where, check->err,
                           "%s leads here (line %d), and nobody asks the gate", one->reached_by->where,
                           one->reached_at->line);
    if (one->reached_by == NULL || (!one->is_internal && one->match != NGINX_NAMED) || pass == NULL ||
        nginx_is_ours(pass) || (row->tells != NULL && tells_identity(nginx_level(one->block, row->tells), row->tells)))
        return true;
    return nginx_found(check->findings, NGINX_REACHED, pass, one->where, check->err,
                       "%s leads here (line %d), and the app is not told who it is", one->reached_by->where,
                       one->reached_at->line);
}

/* --- Caches */

/* A variable that differs from person to person. */
static bool key_has_identity(const char *key)
{
    static const char *const names[] = {"$http_cookie", "${http_cookie}", "$cookie_",   "$http_authorization",
                                        "$mayfly_user", "$mayfly_id",     "$mayfly_who"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(key, names[i]) != NULL)
            return true;
    return false;
}

static bool check_cache(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_pass_row *row;
    const struct nginx_directive *pass = nginx_pass_find(one->block, &row), *cache, *key;

    if (pass == NULL || row->cache == NULL || nginx_is_ours(pass))
        return true;
    cache = nginx_in_force(one->block, row->cache);
    if (cache == NULL || strcmp(nginx_word(cache, 1), "off") == 0)
        return true;
    key = nginx_in_force(one->block, row->cache_key);
    if (key != NULL && key_has_identity(nginx_word(key, 1)))
        return true;
    return nginx_found(check->findings, NGINX_CACHE, cache, one->where, check->err, "%s %.60s, whose key %s",
                       row->cache, nginx_word(cache, 1),
                       key != NULL ? "does not say who asks" : "is the address alone, as nothing else is said");
}

/* --- WebSockets */

static bool looks_like_websocket(const char *path)
{
    static const char *const parts[] = {"websocket", "socket.io", "/ws", "/cable", "/wss", "sockjs"};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(path, parts[i]) != NULL)
            return true;
    return false;
}

static bool check_websocket(const struct check *check, const struct nginx_location *one)
{
    const struct nginx_directive *pass = nginx_next(one->block, NULL, "proxy_pass");
    const struct nginx_directive *level = nginx_level(one->block, "proxy_set_header"), *line = NULL;

    if (pass == NULL || !looks_like_websocket(one->path))
        return true;
    while (level != NULL && (line = nginx_next(level, line, "proxy_set_header")) != NULL)
        if (strcasecmp(nginx_word(line, 1), "Upgrade") == 0 && !says_nothing(line))
            return true;
    return nginx_found(check->findings, NGINX_WEBSOCKET, pass, one->where, check->err,
                       "it looks like a WebSocket, and sends no Upgrade");
}

bool nginx_check_apps(const struct nginx_model *model, struct nginx_findings *findings, struct err *err)
{
    const struct check check = {findings, err};

    for (const struct nginx_server *server = model->first; server != NULL; server = server->next)
        for (const struct nginx_location *one = server->first; one != NULL; one = one->next) {
            if (!server->is_gated || server->is_dead)
                break;
            if ((one->gate == NGINX_GATED || one->gate == NGINX_PUBLIC) &&
                (!check_identity(&check, one) || !check_variables(&check, one)))
                return false;
            if (one->gate == NGINX_GATED && (!check_cache(&check, one) || !check_websocket(&check, one)))
                return false;
            if (one->gate == NGINX_UNGATED && !check_reached(&check, one))
                return false;
        }
    return true;
}
