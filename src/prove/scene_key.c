/*
 * mayfly-prove, a key: it is made, used, and revoked while it is used; once that is acknowledged it is tried at once on
 * new connections, while slower reads may still be about to put a copy into the cache.
 */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum {
    USES = 3,   /* before the end: each worker that is asked has a copy */
    BESIDE = 2, /* while it ends */
    PROBES = 4, /* afterwards */
};

enum { ROLE_NONE, ROLE_MAKE, ROLE_USE, ROLE_BESIDE, ROLE_END };

static void begin(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;
    struct scene_state *state = &client->state;
    struct call *call;

    memcpy(state->keeper, user->sessions[prove_random_below(prove, user->session_count)].token, sizeof state->keeper);
    call = call_add(prove, client, CALL_MAKE_KEY, state->keeper);
    call->role = ROLE_MAKE;
    call->also = 403; /* the log-in was more than ten minutes ago */
    snprintf(call->body, sizeof call->body, "{\"name\":\"prove\",\"scopes\":[\"data\"]}");
}

static void made(struct prove *prove, struct prove_client *client, const struct call *call,
                 const struct prove_answer *answer)
{
    const json_t *body = scene_body(prove, answer);
    const char *key = json_string_value(json_object_get(body, "key"));
    const char *id = json_string_value(json_object_get(body, "id"));

    if (answer->status != 201) {
        scene_refused(prove, client, call, answer);
        return;
    }
    prove->tally.acknowledged++;
    if (key == NULL || id == NULL || strlen(key) >= LEDGER_TOKEN_BYTES ||
        strspn(id, "0123456789abcdef-") != strlen(id) || strlen(id) >= LEDGER_ID_BYTES)
        return;
    snprintf(client->state.token, sizeof client->state.token, "%s", key);
    snprintf(client->state.id, sizeof client->state.id, "%s", id);
}

static void use(struct prove *prove, struct prove_client *client, int role, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        struct call *call = call_add(prove, client, CALL_READ_PROFILE, client->state.token);

        call->role = role;
        call->also = role == ROLE_BESIDE ? 401 : 0;
    }
}

static void probe(struct prove *prove, struct prove_client *client)
{
    for (size_t i = 0; i < PROBES; i++) {
        struct call *call = call_add(prove, client, CALL_READ_PROFILE, client->state.token);

        call->wanted = 401;
        call->dead = call->fresh = true;
        prove->tally.dead_asked++;
    }
}

static void used(struct prove *prove, struct prove_client *client, const struct call *call,
                 const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];

    if (call->state == CALL_ANSWERED && answer->status == 401)
        tally_find(&prove->tally, FINDING_LOST_SESSION, 1, client->user->name, "a key that was made is refused: %s",
                   call_words(prove, call, words));
}

static void probed(struct prove *prove, struct prove_client *client, const struct call *call,
                   const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED || answer->status != 200 || client->state.refused)
        return;
    client->state.refused = true; /* found once */
    tally_find(&prove->tally, FINDING_ENDED_TOKEN, 1, client->user->name,
               "a key was revoked at %.3f s, and is accepted: %s",
               (double)(client->state.ended_us - prove->tally.began_us) / 1e6, call_words(prove, call, words));
}

static void ended(struct prove *prove, struct prove_client *client, const struct call *call,
                  const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED)
        return;
    if (answer->status == 204) {
        client->state.ended_us = call->answered_us;
        prove->tally.acknowledged++;
        probe(prove, client);
    } else if (answer->status == 404 && call->tries > 1) {
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                   "a key was revoked, and then tried to be revoked again under the same Idempotency-Key: %s",
                   call_words(prove, call, words));
    } else {
        scene_refused(prove, client, call, answer);
    }
}

static void answered(struct prove *prove, struct prove_client *client, struct call *call,
                     const struct prove_answer *answer)
{
    if (call->dead)
        probed(prove, client, call, answer);
    else if (call->role == ROLE_MAKE && call->state == CALL_ANSWERED)
        made(prove, client, call, answer);
    else if (call->role == ROLE_USE)
        used(prove, client, call, answer);
    else if (call->role == ROLE_END)
        ended(prove, client, call, answer);
}

static void settle(struct prove *prove, struct prove_client *client)
{
    struct call *call;

    if (client->state.token[0] == '\0')
        return;
    switch (client->state.stage++) {
    case 0:
        use(prove, client, ROLE_USE, USES);
        break;
    case 1:
        use(prove, client, ROLE_BESIDE, BESIDE);
        call = call_add(prove, client, CALL_END_KEY, client->state.keeper);
        call->role = ROLE_END;
        snprintf(call->path, sizeof call->path, "/keys/%s", client->state.id);
        break;
    default:
        break;
    }
}

const struct scene scene_key = {"key", begin, answered, settle};
