#include "prove/call.h"

#include "prove/client.h"

#include <stdio.h>
#include <string.h>

enum {
    /*
     * mayfly-limits.conf lets an address verify 10 passwords a second and 50 at once; with a bit less no request is
     * limited.
     */
    HEAVY_US = 1000 * 1000 / 8,
    HEAVY_BURST_US = 40 * HEAVY_US,
};

static const struct {
    const char *name, *method, *path;
    long wanted;
    bool heavy;    /* it may verify a password, so the site limits how many there are */
    bool ordinary; /* an ordinary pool answers it, neither one for passwords nor one for files */
    bool change;   /* it has an Idempotency-Key */
} kinds[CALL_KINDS] = {
    [CALL_REGISTER] = {"register", "POST", "/register", 201, .heavy = true, .change = true},
    [CALL_LOGIN] = {"log in", "POST", "/login", 200, .heavy = true, .change = true},
    [CALL_LOGOUT] = {"log out", "POST", "/logout", 200, .ordinary = true, .change = true},
    [CALL_END_ONE] = {"end a session", "DELETE", "/sessions/", 204, .ordinary = true, .change = true},
    [CALL_END_OTHERS] = {"end the other sessions", "DELETE", "/sessions", 200, .ordinary = true, .change = true},
    [CALL_PASSWORD] = {"change the password", "POST", "/password", 200, .heavy = true, .change = true},
    [CALL_CLOSE] = {"close the account", "DELETE", "/profile", 204, .heavy = true, .change = true},
    [CALL_GET_PROFILE] = {"read the profile", "GET", "/profile", 200, .ordinary = true},
    [CALL_RENAME] = {"change the profile", "PATCH", "/profile", 200, .heavy = true, .change = true},
    [CALL_READ_SESSION] = {"read session data", "GET", "/session/data", 200, .ordinary = true},
    [CALL_WRITE_SESSION] = {"write session data", "PATCH", "/session/data", 200, .ordinary = true, .change = true},
    [CALL_READ_PROFILE] = {"read profile data", "GET", "/profile/data", 200, .ordinary = true},
    [CALL_WRITE_PROFILE] = {"write profile data", "PATCH", "/profile/data", 200, .ordinary = true, .change = true},
    [CALL_UPLOAD] = {"upload", "POST", "/upload", 201, .change = true},
    [CALL_DOWNLOAD] = {"download", "GET", "/files/", 200, .change = false},
    [CALL_LIST_SESSIONS] = {"list sessions", "GET", "/sessions", 200, .ordinary = true},
    [CALL_LIST_FILES] = {"list files", "GET", "/files", 200, .change = false},
    [CALL_MAKE_KEY] = {"make a key", "POST", "/keys", 201, .ordinary = true, .change = true},
    [CALL_END_KEY] = {"revoke a key", "DELETE", "/keys/", 204, .ordinary = true, .change = true},
    [CALL_VISIT] = {"visit a site", "GET", "", 200, .change = false},
};

struct call *call_add(struct prove *prove, struct prove_client *client, enum call_kind kind, const char *token)
{
    size_t at = client->call_count < PROVE_CALLS ? client->call_count++ : PROVE_CALLS - 1;
    struct call *call = &client->calls[at];

    for (size_t lane = 0; lane < PROVE_LANES; lane++)
        while (client->lanes[lane] == call) /* no scene adds so many; the place of the last one is taken */
            call--;
    *call = (struct call){.kind = kind, .state = CALL_WAITING, .wanted = kinds[kind].wanted};
    if (token != NULL)
        snprintf(call->token, sizeof call->token, "%s", token);
    snprintf(call->path, sizeof call->path, "%s", kinds[kind].path);
    call->fresh = prove_random_below(prove, 2) == 0;
    if (kinds[kind].change)
        call_key(prove, client, call);
    return call;
}

bool call_key_refused(const struct prove_answer *answer)
{
    return answer->status == 422 && strstr(answer->body, "Idempotency-Key") != NULL;
}

/* Accounts use the same keys on purpose: the site has to tell them apart by account. */
void call_key(struct prove *prove, struct prove_client *client, struct call *call)
{
    snprintf(call->key, sizeof call->key, "prove-%s-%lld", prove->run, (long long)++client->user->keys);
}

void call_credentials(struct prove *prove, struct prove_client *client, struct call *call)
{
    char password[64];

    ledger_password(prove->secret, client->user->password, password, sizeof password);
    snprintf(call->body, sizeof call->body, "{\"username\":\"%s\",\"password\":\"%s\"}", client->user->name, password);
}

bool call_is_heavy(const struct call *call)
{
    return kinds[call->kind].heavy;
}

bool call_is_ordinary(const struct call *call)
{
    return kinds[call->kind].ordinary;
}

const char *call_name(const struct call *call)
{
    return call->dead ? "use what is no session" : kinds[call->kind].name;
}

/* A bucket of time, from which each password takes HEAVY_US. */
bool call_heavy_allowed(struct prove *prove, int64_t now_us, int64_t passwords)
{
    prove->passwords_us += now_us - prove->refilled_us;
    prove->refilled_us = now_us;
    if (prove->passwords_us > HEAVY_BURST_US)
        prove->passwords_us = HEAVY_BURST_US;
    return prove->passwords_us >= HEAVY_US * passwords;
}

/* Notes what was acknowledged so far; the answer must not be older. */
static int64_t at_least(const struct prove_client *client, const struct call *call)
{
    if (call->kind == CALL_GET_PROFILE)
        return client->user->renamed;
    return client->state.change.seen;
}

bool call_send(struct prove *prove, struct prove_client *client, size_t lane, struct call *call, int64_t now_us,
               struct err *err)
{
    struct prove_request request = {
        .method = kinds[call->kind].method,
        .path = call->path,
        .token = call->token[0] != '\0' ? call->token : NULL,
        .key = call->key[0] != '\0' ? call->key : NULL,
        .if_match = call->if_match[0] != '\0' ? call->if_match : NULL,
        .fresh = call->fresh,
        .url = call->url,
        .headers = call->url != NULL ? call->headers : NULL,
        .header_count = call->header_count,
    };

    if (call->bytes != NULL) {
        request.body = call->bytes;
        request.length = call->length;
        request.type = "application/octet-stream";
    } else if (call->body[0] != '\0') {
        request.body = call->body;
        request.length = strlen(call->body);
        request.type = "application/json";
    }
    if (call_is_heavy(call))
        prove->passwords_us -= HEAVY_US;
    if (call->tries++ == 0)
        call->first_us = now_us;
    call->sent_us = now_us;
    call->at_least = at_least(client, call);
    call->state = CALL_UNDER_WAY;
    client->lanes[lane] = call;
    return prove_http_send(prove->http, client->number * PROVE_LANES + lane, &request, err);
}

const char *call_words(const struct prove *prove, const struct call *call, char text[CALL_WORDS_BYTES])
{
    snprintf(text, CALL_WORDS_BYTES, "%s %.50s (request %s%s%.40s, at %.3f s)", kinds[call->kind].method,
             call->url != NULL ? call->url : call->path, call->request[0] != '\0' ? call->request : "?",
             call->worker[0] != '\0' ? " by " : "", call->worker,
             (double)(call->answered_us - prove->tally.began_us) / 1e6);
    return text;
}
