/*
 * Whether the app behind the gate can be reached another way: by another server of this nginx, or at its own address.
 */
#include "ctl/nginx_check.h"
#include "ctl/nginx_pass.h"

#include <string.h>

/* An app or a folder that some gated location serves. */
struct guarded {
    const char *text; /* host:port, unix:/path, or the folder */
    const struct nginx_location *by;
    const struct guarded *next;
};

struct check {
    struct arena *arena;
    const struct nginx_model *model;
    struct nginx_findings *findings;
    struct guarded *guarded;
    struct err *err;
};

/* Called for each address of an app; folder: it is a folder. */
typedef bool use_address(struct check *, const struct nginx_location *, const struct nginx_directive *at,
                         const struct nginx_address *, bool folder);

/* --- What a location serves */

static const struct nginx_directive *find_upstream(const struct check *check, const char *pass)
{
    const struct nginx_directive *http = NULL, *upstream;
    const char *name = strstr(pass, "://");
    size_t length;

    name = name != NULL ? name + 3 : pass;
    length = strcspn(name, "/");
    while ((http = nginx_next(&check->model->config->root, http, NULL)) != NULL) {
        if (!nginx_is(http, "http") && !nginx_is(http, "stream"))
            continue;
        for (upstream = NULL; (upstream = nginx_next(http, upstream, "upstream")) != NULL;)
            if (strlen(nginx_word(upstream, 1)) == length && memcmp(nginx_word(upstream, 1), name, length) == 0)
                return upstream;
    }
    return NULL;
}

static bool each_server(struct check *check, const struct nginx_location *one, const struct nginx_directive *upstream,
                        use_address *use)
{
    const struct nginx_directive *server = NULL;
    struct nginx_address address;

    while ((server = nginx_next(upstream, server, "server")) != NULL)
        if (!nginx_address_read(check->arena, nginx_word(server, 1), &address, check->err) ||
            !use(check, one, server, &address, false))
            return false;
    return true;
}

/* A folder that is named. nginx's default folder has no app's files. */
static bool folder_of(struct check *check, const struct nginx_location *one, use_address *use)
{
    const struct nginx_directive *folder = nginx_next(one->block, NULL, "alias");
    struct nginx_address address = {.reach = NGINX_REACH_HOST};
    size_t length;

    if (folder == NULL)
        folder = nginx_in_force(one->block, "root");
    if (folder == NULL || one->gives_nothing || nginx_next(one->block, NULL, "return") != NULL)
        return true;
    length = strlen(nginx_word(folder, 1));
    while (length > 1 && nginx_word(folder, 1)[length - 1] == '/')
        length--;
    address.text = arena_strndup(check->arena, nginx_word(folder, 1), length);
    return address.text != NULL ? use(check, one, folder, &address, true) : err_memory(check->err);
}

static bool each_address(struct check *check, const struct nginx_location *one, use_address *use)
{
    const struct nginx_pass_row *row;
    const struct nginx_directive *pass = nginx_pass_find(one->block, &row), *upstream;
    struct nginx_address address;

    if (pass == NULL)
        return folder_of(check, one, use);
    if (nginx_is_ours(pass))
        return true;
    upstream = find_upstream(check, nginx_word(pass, 1));
    if (upstream != NULL)
        return each_server(check, one, upstream, use);
    return nginx_address_read(check->arena, nginx_word(pass, 1), &address, check->err) &&
           use(check, one, pass, &address, false);
}

/* --- What is behind the gate, and whether its own address is open */

/* Whether a server that is not behind the gate listens on the port, on more addresses than the host's own. */
static bool find_listener(struct check *check, int port, const struct nginx_server **found)
{
    *found = NULL;
    for (const struct nginx_server *server = check->model->first; server != NULL && *found == NULL;
         server = server->next) {
        const struct nginx_directive *listen = NULL;
        struct nginx_address address;

        while (!server->is_gated && !server->is_dead &&
               (listen = nginx_next(server->block, listen, "listen")) != NULL) {
            if (!nginx_listen_read(check->arena, listen, &address, check->err))
                return false;
            if (address.port == port && address.reach != NGINX_REACH_HOST)
                *found = server;
        }
    }
    return true;
}

static bool check_host(struct check *check, const struct nginx_location *one, const struct nginx_directive *at,
                       const struct nginx_address *address)
{
    const struct nginx_server *listener;

    if (address->port == 0 || strncmp(address->text, "127.", 4) != 0)
        return true;
    if (!find_listener(check, address->port, &listener))
        return false;
    return listener == NULL || nginx_found(check->findings, NGINX_AROUND, at, one->where, check->err,
                                           "%.100s is %s of this nginx (line %d), which listens for others too",
                                           address->text, listener->where, listener->block->line);
}

static bool guard(struct check *check, const struct nginx_location *one, const struct nginx_directive *at,
                  const struct nginx_address *address, bool folder)
{
    struct guarded *guarded = arena_zalloc(check->arena, sizeof *guarded);

    if (guarded == NULL)
        return err_memory(check->err);
    *guarded = (struct guarded){.text = address->text, .by = one, .next = check->guarded};
    check->guarded = guarded;
    if (folder)
        return true;
    switch (address->reach) {
    case NGINX_REACH_HOST:
        return check_host(check, one, at, address);
    case NGINX_REACH_PUBLIC:
        return nginx_found(check->findings, NGINX_BACKEND, at, one->where, check->err,
                           "the app is at %.100s, an address of the internet", address->text);
    case NGINX_REACH_NETWORK:
        return nginx_found(check->findings, NGINX_NETWORK, at, one->where, check->err,
                           "the app is at %.100s, in a network with others", address->text);
    case NGINX_REACH_UNKNOWN:
        break;
    }
    return nginx_found(check->findings, NGINX_NETWORK, at, one->where, check->err,
                       "it can't be told who else reaches %.100s", address->text);
}

/* --- Other ways */

static bool is_reachable(struct check *check, const struct nginx_server *server, bool *reachable)
{
    const struct nginx_directive *listen = nginx_next(server->block, NULL, "listen");
    struct nginx_address address;

    *reachable = listen == NULL; /* then it is port 80 of every address */
    for (; listen != NULL; listen = nginx_next(server->block, listen, "listen")) {
        if (!nginx_listen_read(check->arena, listen, &address, check->err))
            return false;
        *reachable = *reachable || address.reach != NGINX_REACH_HOST;
    }
    return true;
}

static bool compare(struct check *check, const struct nginx_location *one, const struct nginx_directive *at,
                    const struct nginx_address *address, bool folder)
{
    for (const struct guarded *guarded = check->guarded; guarded != NULL; guarded = guarded->next)
        if (strcmp(guarded->text, address->text) == 0)
            return nginx_found(check->findings, NGINX_AROUND, folder || at->parent == one->block ? at : one->block,
                               one->where, check->err, "%.100s is also served behind the gate, by %s (%s:%d)",
                               address->text, guarded->by->where, guarded->by->block->file, guarded->by->block->line);
    return true;
}

static bool check_other(struct check *check, const struct nginx_server *server)
{
    bool reachable;

    if (server->is_gated || server->is_dead)
        return true;
    if (!is_reachable(check, server, &reachable))
        return false;
    for (const struct nginx_location *one = server->first; one != NULL && reachable; one = one->next)
        if (one->gate == NGINX_UNGATED && !one->is_internal && !one->gives_nothing &&
            !each_address(check, one, compare))
            return false;
    return true;
}

bool nginx_check_around(const struct nginx_model *model, struct nginx_findings *findings, struct err *err)
{
    struct check check = {.arena = findings->arena, .model = model, .findings = findings, .err = err};

    for (const struct nginx_server *server = model->first; server != NULL; server = server->next)
        for (const struct nginx_location *one = server->first; one != NULL; one = one->next)
            if (!server->is_dead && (one->gate == NGINX_GATED || (server->is_gated && one->reached_by != NULL)) &&
                !each_address(&check, one, guard))
                return false;
    for (const struct nginx_server *server = model->first; server != NULL; server = server->next)
        if (!check_other(&check, server))
            return false;
    return true;
}
