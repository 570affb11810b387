#include "ctl/nginx_model.h"

#include "base/decimal.h"

#include <string.h>

bool nginx_is_ours(const struct nginx_directive *directive)
{
    static const char *const names[] = {
        "mayfly-ask.conf",     "mayfly-errors.conf",       "mayfly-fastcgi.conf",         "mayfly-gate.conf",
        "mayfly-inner.conf",   "mayfly-limits.conf",       "mayfly-locations.conf",       "mayfly-params.conf",
        "mayfly-pass.conf",    "mayfly-protect-grpc.conf", "mayfly-protect-fastcgi.conf", "mayfly-protect-uwsgi.conf",
        "mayfly-protect.conf", "mayfly-public.conf",       "mayfly-refused.conf",         "mayfly-small.conf",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(nginx_file_name(directive), names[i]) == 0)
            return true;
    return false;
}

size_t nginx_constant(const char *text)
{
    return strcspn(text, "$");
}

int nginx_status(const char *word)
{
    int64_t status;

    return decimal_parse(word, 100, 999, &status) ? (int)status : 0;
}

/* --- Reading locations */

static bool read_match(const struct nginx_directive *block, struct nginx_location *location, struct err *err)
{
    const char *modifier = nginx_word(block, 1);

    location->path = nginx_word(block, block->count - 1);
    if (block->count == 3 && (strcmp(modifier, "~") == 0 || strcmp(modifier, "~*") == 0))
        location->match = NGINX_PATTERN;
    else if (block->count == 3 && strcmp(modifier, "=") == 0)
        location->match = NGINX_EXACT;
    else if (block->count == 3 && strcmp(modifier, "^~") == 0)
        location->match = NGINX_FINAL_PREFIX;
    else if (block->count != 2)
        return err_set(err, ERR_INPUT, "%.160s:%d: this location can't be read", block->file, block->line);
    else if (modifier[0] == '@')
        location->match = NGINX_NAMED;
    else if (modifier[0] == '~' || modifier[0] == '=' || strncmp(modifier, "^~", 2) == 0) {
        /* nginx takes them without the space too. */
        location->match = modifier[0] == '~' ? NGINX_PATTERN : modifier[0] == '=' ? NGINX_EXACT : NGINX_FINAL_PREFIX;
        location->path += modifier[0] == '^' || strncmp(modifier, "~*", 2) == 0 ? 2 : 1;
    }
    return true;
}

/* Whether the directive came from this snippet, or from one that it includes. */
static bool came_by(const struct nginx_directive *directive, const char *name)
{
    for (; directive != NULL; directive = directive->via)
        if (strcmp(nginx_file_name(directive), name) == 0)
            return true;
    return false;
}

/* The gate's own locations, also when they were copied into another file. */
static bool is_gates_own(const struct nginx_directive *block)
{
    const char *path = nginx_word(block, block->count - 1);

    return nginx_is_ours(block) || strncmp(path, NGINX_GATE_NAMED, strlen(NGINX_GATE_NAMED)) == 0 ||
           strcmp(path, NGINX_GATE_URI) == 0;
}

static enum nginx_gate gate_of(const struct nginx_directive *block)
{
    const struct nginx_directive *asks = nginx_in_force(block, "auth_request"), *pass = NULL;

    if (is_gates_own(block))
        return NGINX_OURS;
    while ((pass = nginx_next(block, pass, "fastcgi_pass")) != NULL)
        if (strcmp(nginx_file_name(pass), "mayfly-pass.conf") == 0)
            return NGINX_OURS;
    if (asks == NULL || strcmp(nginx_word(asks, 1), "off") == 0)
        return NGINX_UNGATED;
    if (strcmp(nginx_word(asks, 1), NGINX_GATE_URI) == 0)
        return came_by(asks, "mayfly-public.conf") ? NGINX_PUBLIC : NGINX_GATED;
    return nginx_is_ours(asks) ? NGINX_OURS : NGINX_FOREIGN;
}

/* A refusal, a redirect or an empty answer contains nothing of an app. */
static bool return_is_empty(const struct nginx_directive *directive)
{
    int status = nginx_status(nginx_word(directive, 1));

    return status == 0 || status >= 300 || nginx_word(directive, 2)[0] == '\0';
}

static bool is_closed(const struct nginx_directive *block)
{
    const struct nginx_directive *level = nginx_level(block, "deny"), *satisfy = nginx_in_force(block, "satisfy");
    const struct nginx_directive *deny = NULL;

    if (level == NULL || (satisfy != NULL && strcmp(nginx_word(satisfy, 1), "any") == 0))
        return false;
    while ((deny = nginx_next(level, deny, "deny")) != NULL)
        if (strcmp(nginx_word(deny, 1), "all") == 0)
            return true;
    return false;
}

static bool gives_nothing(const struct nginx_directive *block)
{
    const struct nginx_directive *answer = nginx_next(block, NULL, "return");

    return (answer != NULL && return_is_empty(answer)) || is_closed(block);
}

static struct nginx_location *add_location(struct arena *arena, struct nginx_model *model, struct nginx_server *server,
                                           const struct nginx_directive *block, struct err *err)
{
    struct nginx_location *location;

    if (++model->locations > NGINX_LOCATIONS_MAX) {
        err_set(err, ERR_INPUT, "%.160s:%d: there are more than %d locations", block->file, block->line,
                NGINX_LOCATIONS_MAX);
        return NULL;
    }
    location = arena_zalloc(arena, sizeof *location);
    if (location == NULL) {
        err_memory(err);
        return NULL;
    }
    location->block = block;
    location->server = server;
    location->gate = gate_of(block);
    location->is_internal = nginx_next(block, NULL, "internal") != NULL;
    location->gives_nothing = gives_nothing(block);
    server->is_gated = server->is_gated || location->gate == NGINX_GATED;
    if (server->last != NULL)
        server->last->next = location;
    else
        server->first = location;
    server->last = location;
    return location;
}

/* Depth is bounded by NGINX_DEPTH_MAX. */
static bool add_locations(struct arena *arena, struct nginx_model *model, struct nginx_server *server,
                          const struct nginx_directive *block, const struct nginx_location *outer, struct err *err)
{
    const struct nginx_directive *inner = NULL;

    while ((inner = nginx_next(block, inner, "location")) != NULL) {
        struct nginx_location *location;

        if (!inner->is_block)
            return err_set(err, ERR_INPUT, "%.160s:%d: a location without a block", inner->file, inner->line);
        location = add_location(arena, model, server, inner, err);
        if (location == NULL || !read_match(inner, location, err))
            return false;
        location->outer = outer;
        location->where = arena_printf(arena, "%s, location %.80s%s%.160s", server->where, nginx_word(inner, 1),
                                       inner->count > 2 ? " " : "", nginx_word(inner, 2));
        if (location->where == NULL)
            return err_memory(err);
        if (!add_locations(arena, model, server, inner, location, err))
            return false;
    }
    return true;
}

/*
 * A request that matches no location is served by the server's own directives. With a location / there is no such
 * request.
 */
static bool add_rest(struct arena *arena, struct nginx_model *model, struct nginx_server *server, struct err *err)
{
    struct nginx_location *rest = add_location(arena, model, server, server->block, err);

    if (rest == NULL)
        return false;
    for (const struct nginx_location *one = server->first; one != rest; one = one->next)
        if (one->outer == NULL && strcmp(one->path, "/") == 0 &&
            (one->match == NGINX_PREFIX || one->match == NGINX_FINAL_PREFIX))
            rest->gives_nothing = true;
    rest->match = NGINX_REST;
    rest->path = "";
    rest->where = arena_printf(arena, "%s, what is in no location", server->where);
    return rest->where != NULL || err_memory(err);
}

static bool add_server(struct arena *arena, struct nginx_model *model, const struct nginx_directive *block,
                       bool is_stream, struct err *err)
{
    struct nginx_server *server = arena_zalloc(arena, sizeof *server);
    const struct nginx_directive *names = nginx_next(block, NULL, "server_name");
    const char *name;

    if (names == NULL)
        names = nginx_next(block, NULL, "listen");
    name = names != NULL ? nginx_word(names, 1) : "";
    if (server == NULL)
        return err_memory(err);
    server->block = block;
    server->is_stream = is_stream;
    server->where = arena_printf(arena, "server %.120s", name[0] != '\0' ? name : "without a name");
    server->is_dead = nginx_next(block, NULL, "return") != NULL;
    if (model->last != NULL)
        model->last->next = server;
    else
        model->first = server;
    model->last = server;
    if (server->where == NULL)
        return err_memory(err);
    return add_locations(arena, model, server, block, NULL, err) && add_rest(arena, model, server, err);
}

bool nginx_model_make(struct arena *arena, const struct nginx_config *config, struct nginx_model *model,
                      struct err *err)
{
    static const char *const kinds[] = {"http", "stream"};

    *model = (struct nginx_model){.config = config};
    for (int i = 0; i < 2; i++) {
        const struct nginx_directive *block = NULL, *server;

        while ((block = nginx_next(&config->root, block, kinds[i])) != NULL)
            for (server = NULL; (server = nginx_next(block, server, "server")) != NULL;)
                if (!add_server(arena, model, server, i == 1, err))
                    return false;
    }
    return true;
}

/* --- Where a target leads */

static bool is_prefix(const struct nginx_location *location)
{
    return location->match == NGINX_PREFIX || location->match == NGINX_FINAL_PREFIX;
}

/* Whether a pattern that ends like "\.php$" may match the path; one of another form is not judged. */
static bool pattern_matches(const char *pattern, const char *path, size_t length)
{
    const char *dot = strstr(pattern, "\\.");
    size_t end;

    if (dot == NULL || strpbrk(pattern, "^()[]{}|*+?") != NULL)
        return false;
    end = strcspn(dot + 2, "$");
    return dot[2 + end] == '$' && end + 1 <= length && path[length - end - 1] == '.' &&
           memcmp(path + length - end, dot + 2, end) == 0;
}

struct nginx_location *nginx_model_find(const struct nginx_server *server, const char *target)
{
    size_t length = strcspn(target, "?$"), longest = 0;
    struct nginx_location *found = NULL, *rest = NULL;

    for (struct nginx_location *one = server->first; one != NULL; one = one->next) {
        size_t path = strlen(one->path);

        if (one->match == NGINX_NAMED || target[0] == '@') {
            if (one->match == NGINX_NAMED && strcmp(one->path, target) == 0)
                return one;
        } else if (one->match == NGINX_EXACT && path == length && memcmp(one->path, target, length) == 0)
            return one;
        else if (is_prefix(one) && path <= length && path >= longest && memcmp(one->path, target, path) == 0) {
            found = one;
            longest = path;
        } else if (one->match == NGINX_REST)
            rest = one;
    }
    if (target[0] == '@' || length == 0)
        return NULL;
    for (struct nginx_location *one = server->first; one != NULL; one = one->next)
        if (one->match == NGINX_PATTERN && (found == NULL || found->match != NGINX_FINAL_PREFIX) &&
            pattern_matches(one->path, target, length))
            return one;
    return found != NULL ? found : rest;
}
