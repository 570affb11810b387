#include "ctl/gate_way.h"

#include "base/buf.h"
#include "base/json_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    COOKIES_BYTES = 4096,
    QUOTED_BYTES = 6 * 1024 + 3, /* each byte of a name or a password becomes six at most */
};

const char *gate_cookies(const struct gate_proof *proof, const struct prove_answer *answer, const char *before)
{
    static const char name[] = "Set-Cookie:";
    struct buf cookies;
    bool ok;

    buf_init(&cookies, proof->arena, COOKIES_BYTES);
    ok = buf_add_string(&cookies, before);
    for (const char *line = answer->head; ok && *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *value = line + strlen(name);

        if (strncasecmp(line, name, strlen(name)) != 0)
            continue;
        value += strspn(value, " ");
        ok = buf_printf(&cookies, "%s%.*s", cookies.length > 0 ? "; " : "", (int)strcspn(value, ";\n"), value);
    }
    return ok ? cookies.bytes : NULL;
}

/* --- The log-in */

/* The text of a member, which has no escapes, in an answer of mayfly's; NULL: it is not there. */
static const char *member(const struct gate_proof *proof, const char *json, const char *name)
{
    const char *at = json != NULL ? strstr(json, name) : NULL;

    if (at == NULL)
        return NULL;
    at += strlen(name);
    return arena_strndup(proof->arena, at, strcspn(at, "\""));
}

bool gate_log_in(struct gate_proof *proof, struct gate_visitor *visitor, struct err *err)
{
    char name[QUOTED_BYTES], password[QUOTED_BYTES];
    struct gate_request request = {
        .method = "POST", .origin = proof->home, .target = "/login", .type = "application/json"};
    struct prove_answer answer;

    *visitor = (struct gate_visitor){.token = NULL};
    json_text_quote(name, sizeof name, proof->name);
    json_text_quote(password, sizeof password, proof->password);
    request.body = arena_printf(proof->arena, "{\"username\":%s,\"password\":%s}", name, password);
    if (request.body == NULL)
        return err_memory(err);
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    visitor->token = member(proof, answer.body, "\"token\":\"");
    visitor->id = member(proof, strstr(answer.body, "\"user\":"), "\"id\":\"");
    if (answer.status == 200 && visitor->token != NULL && visitor->id != NULL)
        return true;
    return err_set(err, ERR_DENIED, "%.200s/login does not take the account of --login: %s", proof->home,
                   gate_told(proof, &answer));
}

/* --- The way */

/* Splits an address of the place's origin; NULL: it is of another one. */
static const char *target_at(const struct gate_place *place, const char *url)
{
    size_t length = strlen(place->origin);

    return strncasecmp(url, place->origin, length) == 0 && url[length] == '/' ? url + length : NULL;
}

bool gate_way_begin(struct gate_proof *proof, const struct gate_place *place, struct gate_way *way, bool *found,
                    const char **trouble, struct err *err)
{
    const struct gate_request request = {.origin = place->origin, .target = place->target, .navigates = true};
    struct prove_answer answer;

    *way = (struct gate_way){.home = NULL};
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    *trouble = gate_told(proof, &answer);
    way->home = answer.status == 303 ? gate_field(proof, &answer, "Location") : NULL;
    way->tie = gate_cookies(proof, &answer, "");
    *found = way->home != NULL && way->tie != NULL && strstr(way->home, "/enter?to=") != NULL;
    return true;
}

bool gate_way_ticket(struct gate_proof *proof, const struct gate_place *place, const struct gate_visitor *visitor,
                     struct gate_way *way, bool *found, const char **trouble, struct err *err)
{
    const char *path = strstr(way->home, "/enter?to=");
    struct gate_request request = {.target = path, .bearer = visitor->token, .navigates = true};
    struct prove_answer answer;

    *found = false;
    request.origin = arena_strndup(proof->arena, way->home, (size_t)(path - way->home));
    if (request.origin == NULL)
        return err_memory(err);
    /* The token goes nowhere but to where it came from. */
    if (strcasecmp(request.origin, proof->home) != 0) {
        *trouble = "it leads to another home";
        return true;
    }
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    *trouble = gate_told(proof, &answer);
    way->end = answer.status == 303 ? gate_field(proof, &answer, "Location") : NULL;
    if (way->end == NULL || target_at(place, way->end) == NULL)
        return true;
    *found = true;
    if (strstr(way->end, "/enter?ticket=") != NULL)
        way->ticket = target_at(place, way->end);
    return true;
}

/* Without a visit of its own, the site takes the session's cookie; its name follows from the scheme. */
static const char *shared_cookie(const struct gate_proof *proof, const struct gate_visitor *visitor)
{
    return arena_printf(proof->arena, "%smayfly=%s", strncmp(proof->home, "https:", 6) == 0 ? "__Host-" : "",
                        visitor->token);
}

bool gate_visit(struct gate_proof *proof, const struct gate_place *place, struct gate_visitor *visitor,
                const char **trouble, struct err *err)
{
    struct gate_request request = {.origin = place->origin, .navigates = true};
    struct prove_answer answer;
    struct gate_way way;
    bool found;

    visitor->cookie = NULL;
    if (!gate_way_begin(proof, place, &way, &found, trouble, err) ||
        (found && !gate_way_ticket(proof, place, visitor, &way, &found, trouble, err)))
        return false;
    if (!found)
        return true;
    if (way.ticket == NULL) {
        visitor->cookie = shared_cookie(proof, visitor);
        return visitor->cookie != NULL || err_memory(err);
    }
    request.target = way.ticket;
    request.cookie = way.tie;
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    *trouble = gate_told(proof, &answer);
    if (answer.status == 303 && gate_field(proof, &answer, "Set-Cookie") != NULL)
        visitor->cookie = gate_cookies(proof, &answer, way.tie);
    return true;
}
