/*
 * mayflyctl gate prove: what the app receives, by an address where it answers with that (--echo), in whatever form:
 * only texts that were sent are looked for. Each request has a mark of its own, so an answer that was kept for another
 * request is seen too.
 */
#include "ctl/gate_proof.h"

#include <string.h>
#include <time.h>

#define FORGED "gate-prove-forged"
#define LIST(array) array, sizeof(array) / sizeof(array)[0]

/* Of the headers that tell an app who it is: X-Auth-User and so on. */
static const char *const names[] = {"User", "Id", "Email", "Name", "Groups", "Method"};
enum { NAMES = sizeof names / sizeof names[0] };

struct spelling {
    const char *what;
    const char *before, *after; /* of the name */
    int times;
};

static const struct spelling spellings[] = {
    {"X-Auth-User and the like", "X-Auth-", ":", 1},
    {"X_Auth_User", "X_Auth_", ":", 1},
    {"X-Auth_User", "X-Auth_", ":", 1},
    {"X_Auth-User", "X_Auth-", ":", 1},
    {"x-auth-User, in lower case", "x-auth-", ":", 1},
    {"X-AUTH-User, in upper case", "X-AUTH-", ":", 1},
    {"X.Auth.User", "X.Auth.", ":", 1},
    {"X-Auth-User twice", "X-Auth-", ":", 2},
    {"X_Auth_User twice", "X_Auth_", ":", 2},
    {"X-Auth-User, a blank before the colon", "X-Auth-", " :", 1},
    {"X-Auth-User, a tab before the colon", "X-Auth-", "\t:", 1},
    {"X-Auth-User, a blank before it", " X-Auth-", ":", 1},
};

static const char *const other_users[] = {
    "Remote-User: " FORGED,        "Remote_User: " FORGED,       "X-Remote-User: " FORGED,
    "X-Forwarded-User: " FORGED,   "X-Forwarded-Email: " FORGED, "X-Forwarded-Preferred-Username: " FORGED,
    "X-Forwarded-Groups: " FORGED, "X-WebAuth-User: " FORGED,    "Remote-Groups: " FORGED,
    "Remote-Email: " FORGED,       "Remote-Name: " FORGED,
};
static const char *const other_places[] = {
    "X-Original-URL: /" FORGED,  "X-Rewrite-URL: /" FORGED,      "X-Original-URI: /" FORGED,
    "X-Forwarded-URI: /" FORGED, "X-Forwarded-Prefix: /" FORGED, "X-HTTP-Method-Override: " FORGED,
    "X-HTTP-Method: " FORGED,    "X-Method-Override: " FORGED,   "X-Forwarded-Method: " FORGED,
    "Forwarded: for=" FORGED,    "X-Forwarded-Server: " FORGED,
};

/* --- One request */

struct echo {
    bool is_echo; /* the mark of this request came back */
    bool knows;   /* and the account's id */
};

/* Asks with a mark, at --echo unless the request says where. */
static bool ask(struct gate_proof *proof, struct gate_request request, struct echo *echo, struct prove_answer *answer,
                struct err *err)
{
    const char *fields[GATE_FIELDS_MAX], *mark;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    mark = arena_printf(proof->arena, "mark-%lld-%09ld", (long long)now.tv_sec, now.tv_nsec);
    if (mark == NULL)
        return err_memory(err);
    for (size_t i = 0; i < request.field_count; i++)
        fields[i] = request.fields[i];
    fields[request.field_count] = arena_printf(proof->arena, "X-Gate-Prove: %s", mark);
    if (fields[request.field_count++] == NULL)
        return err_memory(err);
    request.fields = fields;
    if (request.target == NULL)
        request.target = proof->echo;
    if (!gate_ask(proof, &request, answer, err))
        return false;
    *echo = (struct echo){.is_echo = strstr(answer->body, mark) != NULL,
                          .knows = strstr(answer->body, proof->visitor.id) != NULL};
    return true;
}

/* --- Forged headers */

/* Nothing of them arrives, and the app knows who it is all the same. nginx refuses some spellings with 400. */
static bool add_verdict(struct gate_proof *proof, const struct echo *echo, const struct prove_answer *answer,
                        bool is_guest, const char *what, struct err *err)
{
    const char *forged = strstr(answer->body, FORGED), *evidence = "nothing of it arrives";
    bool held = answer->status == 400 || (forged == NULL && echo->is_echo && (is_guest || echo->knows));

    if (answer->status == 400)
        evidence = "400";
    else if (forged != NULL)
        evidence = arena_printf(proof->arena, "the app gets %.*s", (int)strcspn(forged, "\\\"' \r\n<,"), forged);
    else if (!echo->is_echo)
        evidence = arena_printf(proof->arena, "%s, without what was sent", gate_told(proof, answer));
    else if (!held)
        evidence = "the app does not learn who it is";
    return gate_row(proof, held ? GATE_HELD : GATE_BROKEN, what, evidence, err);
}

static bool prove_spelling(struct gate_proof *proof, const struct spelling *spelling, const char *who,
                           const char *cookie, const char *path, struct err *err)
{
    const char *what = arena_printf(proof->arena, "%s sends %s", who, spelling->what), *fields[2 * NAMES];
    struct gate_request request = {.target = path, .cookie = cookie, .fields = fields};
    struct prove_answer answer;
    struct echo echo;

    for (int turn = 0; turn < spelling->times; turn++)
        for (size_t i = 0; i < NAMES; i++) {
            const char *field = arena_printf(proof->arena, "%s%s%s " FORGED "-%s", spelling->before, names[i],
                                             spelling->after, names[i]);

            if (field == NULL)
                return err_memory(err);
            fields[request.field_count++] = field;
        }
    return ask(proof, request, &echo, &answer, err) && add_verdict(proof, &echo, &answer, cookie == NULL, what, err);
}

static bool prove_list(struct gate_proof *proof, const char *const *list, size_t count, const char *who,
                       const char *cookie, const char *path, const char *what, struct err *err)
{
    const struct gate_request request = {.target = path, .cookie = cookie, .fields = list, .field_count = count};
    struct prove_answer answer;
    struct echo echo;

    return ask(proof, request, &echo, &answer, err) &&
           add_verdict(proof, &echo, &answer, cookie == NULL, arena_printf(proof->arena, "%s sends %s", who, what),
                       err);
}

static bool prove_forged(struct gate_proof *proof, const char *who, const char *cookie, const char *path,
                         struct err *err)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (!prove_spelling(proof, &spellings[i], who, cookie, path, err))
            return false;
    return prove_list(proof, LIST(other_users), who, cookie, path, "Remote-User and the like", err) &&
           prove_list(proof, LIST(other_places), who, cookie, path, "X-Original-URL and the like", err);
}

/* --- What else arrives */

/* A request that arrives, and of which the app knows whose it is. */
static bool prove_arrives(struct gate_proof *proof, struct gate_request request, const char *what, struct err *err)
{
    struct prove_answer answer;
    struct echo echo;

    request.cookie = proof->visitor.cookie;
    if (!ask(proof, request, &echo, &answer, err))
        return false;
    return gate_row(proof, echo.is_echo && echo.knows ? GATE_HELD : GATE_BROKEN, what,
                    !echo.is_echo ? arena_printf(proof->arena, "%s, without what was sent", gate_told(proof, &answer))
                    : !echo.knows ? "the app does not learn who it is"
                                  : "with who it is",
                    err);
}

/* Whether any cookie or token of ours is in what the app got. */
static bool has_secret(const struct gate_proof *proof, const char *body)
{
    const char *at = strstr(proof->visitor.cookie, "mayfly="), *value;

    at = at != NULL ? at + strlen("mayfly=") : "";
    value = arena_strndup(proof->arena, at, strcspn(at, ";"));
    return value == NULL || (value[0] != '\0' && strstr(body, value) != NULL) ||
           strstr(body, proof->visitor.token) != NULL;
}

static bool prove_secrets(struct gate_proof *proof, struct err *err)
{
    struct gate_request request = {
        .cookie = arena_printf(proof->arena, "gate-prove=own-cookie; %s; a=b", proof->visitor.cookie)};
    struct prove_answer answer;
    struct echo echo;
    bool held;

    if (request.cookie == NULL)
        return err_memory(err);
    if (!ask(proof, request, &echo, &answer, err))
        return false;
    held = echo.is_echo && !has_secret(proof, answer.body) && strstr(answer.body, "own-cookie") != NULL;
    if (!gate_row(proof, held ? GATE_HELD : GATE_BROKEN, "the app gets its own cookies, and none of mayfly's",
                  held ? "its own alone" : "another Cookie than its own", err))
        return false;
    request = (struct gate_request){.bearer = proof->visitor.token};
    if (!ask(proof, request, &echo, &answer, err))
        return false;
    held = !has_secret(proof, answer.body);
    return gate_row(proof, held ? GATE_HELD : GATE_BROKEN, "the app gets no Authorization of mayfly's",
                    held ? "none" : "the token", err);
}

static bool prove_ways(struct gate_proof *proof, struct err *err)
{
    static const char *const hop[] = {"Connection: close, X-Auth-User, X-Auth-Id, X-Auth-Groups, Cookie"};

    return prove_arrives(proof, (struct gate_request){.method = NULL}, "the app learns who it is", err) &&
           prove_arrives(proof, (struct gate_request){.method = NULL}, "each request is answered anew", err) &&
           prove_arrives(proof, (struct gate_request){.method = "POST", .body = "a=b", .type = "text/plain"},
                         "a POST arrives with who it is", err) &&
           prove_arrives(proof, (struct gate_request){.body = "a=b", .type = "text/plain"},
                         "a GET with a body arrives with who it is", err) &&
           prove_arrives(proof, (struct gate_request){.version = PROVE_HTTP_1_0}, "HTTP/1.0 arrives with who it is",
                         err) &&
           prove_arrives(proof, (struct gate_request){.fields = hop, .field_count = 1},
                         "Connection: X-Auth-User takes nothing away", err);
}

/* --- All of it */

static bool prove_public(struct gate_proof *proof, struct err *err)
{
    const char *what = "a guest at --public sends what tells who it is";
    struct prove_answer answer;
    struct echo echo;

    if (proof->public_path == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "--public is not given", err);
    if (!ask(proof, (struct gate_request){.target = proof->public_path}, &echo, &answer, err))
        return false;
    if (!echo.is_echo)
        return gate_row(proof, GATE_NOT_ASKED, what,
                        arena_printf(proof->arena, "%s, without what was sent", gate_told(proof, &answer)), err);
    return prove_forged(proof, "a guest at --public", NULL, proof->public_path, err);
}

bool gate_prove_identity(struct gate_proof *proof, struct err *err)
{
    const char *what = "what the app receives";
    struct prove_answer answer;
    struct echo echo;

    if (proof->visitor.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the account does not get in", err);
    if (proof->echo == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "--echo is not given", err);
    if (!ask(proof, (struct gate_request){.cookie = proof->visitor.cookie}, &echo, &answer, err))
        return false;
    if (!echo.is_echo)
        return gate_row(proof, GATE_BROKEN, "--echo answers with what arrives",
                        arena_printf(proof->arena, "%s, without what was sent", gate_told(proof, &answer)), err);
    return prove_ways(proof, err) && prove_forged(proof, "the account", proof->visitor.cookie, proof->echo, err) &&
           prove_secrets(proof, err) && prove_public(proof, err);
}
