/* mayflyctl gate prove: requests of guests that are other than a browser's, and what a guest may claim of himself. */
#include "ctl/gate_proof.h"

#include <string.h>

/* --- Methods */

static const char *const methods[] = {"HEAD",  "POST", "PUT",  "PATCH", "DELETE", "OPTIONS",  "PROPFIND",
                                      "MKCOL", "COPY", "LOCK", "PURGE", "get",    "GATEPROVE"};

static bool prove_methods(struct gate_proof *proof, struct err *err)
{
    const char *what = "a guest with other methods", *evidence;
    struct prove_answer answer;

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const struct gate_request request = {.method = methods[i]};

        if (!gate_ask(proof, &request, &answer, err))
            return false;
        /* nginx knows none in lower case. */
        if (gate_refused(proof, &answer) || (answer.status == 400 && strcmp(methods[i], "get") == 0))
            continue;
        evidence = arena_printf(proof->arena, "%s: %s", methods[i], gate_told(proof, &answer));
        return gate_row(proof, GATE_BROKEN, what, evidence, err);
    }
    return gate_row(proof, GATE_HELD, what,
                    arena_printf(proof->arena, "%zu refused", sizeof methods / sizeof methods[0]), err);
}

/* --- Others */

struct odd_request {
    const char *what;
    struct gate_request request;
    long also;
};

static const char *const upgrade[] = {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                      "Sec-WebSocket-Key: Z2F0ZS1wcm92ZS1tYXlmbA=="};
static const char *const upgrade_h2[] = {"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                         "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"};
static const char *const method_override[] = {"X-HTTP-Method-Override: GET", "X-Method-Override: GET"};
static const char *const range[] = {"Range: bytes=0-9", "If-None-Match: *"};
static const char *const other_path[] = {"X-Original-URL: /mayfly/", "X-Rewrite-URL: /mayfly/",
                                         "X-Original-URI: /mayfly/", "X-Forwarded-URI: /mayfly/",
                                         "X-Forwarded-Prefix: /mayfly/"};
static const char *const other_address[] = {"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1",
                                            "Forwarded: for=127.0.0.1", "X-Client-IP: 127.0.0.1",
                                            "True-Client-IP: 127.0.0.1"};
static const char *const as_somebody[] = {"X-Auth-User: admin", "X-Auth-Groups: admin", "Remote-User: admin",
                                          "X-Forwarded-User: admin", "Authorization: Basic YWRtaW46YWRtaW4="};
static const char *const as_nginx[] = {
    "X-Mayfly-Origin: http://localhost", "X-Mayfly-Target: /mayfly/", "X-Mayfly-Method: GET",
    "X-Mayfly-Address: 127.0.0.1",       "X-Mayfly-Require: public",  "X-Mayfly-Bearer: 1"};

static const struct odd_request odd_requests[] = {
    {"a guest by HTTP/1.0", {.version = PROVE_HTTP_1_0}, 0},
    {"a guest with a GET that has a body", {.body = "gate-prove=1", .type = "text/plain"}, 0},
    {"a guest who wants a WebSocket", {.fields = upgrade, .field_count = 4}, 0},
    {"a guest who wants HTTP/2 in the same connection", {.fields = upgrade_h2, .field_count = 3}, 0},
    {"a guest with a range of a file", {.fields = range, .field_count = 2}, 0},
    {"a guest who claims another method", {.method = "POST", .fields = method_override, .field_count = 2}, 0},
    {"a guest who claims another path", {.fields = other_path, .field_count = 5}, 0},
    {"a guest who claims another address", {.fields = other_address, .field_count = 5}, 0},
    {"a guest who claims to be somebody", {.fields = as_somebody, .field_count = 5}, 0},
    {"a guest who claims to be nginx", {.fields = as_nginx, .field_count = 6}, 0},
    {"a guest who asks for the gate's own location", {.target = "mayfly:gate"}, 400},
};

/* The whole address in the first line, as proxies get it. */
static bool prove_absolute(struct gate_proof *proof, struct err *err)
{
    const struct gate_request request = {
        .target = arena_printf(proof->arena, "%s%s", proof->site.origin, proof->site.target)};

    return request.target == NULL
               ? err_memory(err)
               : gate_row_refused(proof, &request, 0, "a guest with a whole address as the target", err);
}

/* --- Another Host */

/*
 * An address that is no site's. Whatever server answers there, it must not be the app: neither with the account's
 * cookie nor with its token, which is good wherever mayfly is.
 */
static bool prove_host(struct gate_proof *proof, struct err *err)
{
    static const char *const host[] = {"Host: gate-prove.invalid"};
    const char *what = "the account with another Host";
    const struct gate_request request = {.target = proof->echo,
                                         .cookie = proof->visitor.cookie,
                                         .bearer = proof->visitor.token,
                                         .fields = host,
                                         .field_count = 1};
    struct prove_answer answer;
    bool same;

    if (proof->visitor.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the account does not get in", err);
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    same = proof->echo != NULL
               ? strstr(answer.body, proof->visitor.id) != NULL
               : answer.status == proof->passed_status && answer.length == proof->passed_length && answer.length > 0;
    return gate_row(proof, same ? GATE_BROKEN : GATE_HELD, what,
                    same ? "the app answers as it does to its own" : gate_told(proof, &answer), err);
}

bool gate_prove_requests(struct gate_proof *proof, struct err *err)
{
    if (!prove_methods(proof, err))
        return false;
    for (size_t i = 0; i < sizeof odd_requests / sizeof odd_requests[0]; i++)
        if (!gate_row_refused(proof, &odd_requests[i].request, odd_requests[i].also, odd_requests[i].what, err))
            return false;
    return prove_absolute(proof, err) && prove_host(proof, err);
}
