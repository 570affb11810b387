/* mayfly-prove, scenes about accounts: registration, log-in, change of the name, closing. */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum {
    LOGIN_REPETITIONS = 3, /* of one log-in, at once, sometimes */
    RENAMES = 2, /* one after the other: at the second one the cached copies were removed because of the first */
    CLOSE_TRIES = 4,
};

enum { ROLE_NONE, ROLE_NEW, ROLE_LIST };

/* --- registering */

static void begin_register(struct prove *prove, struct prove_client *client)
{
    call_credentials(prove, client, call_add(prove, client, CALL_REGISTER, NULL));
}

static void registered(struct prove *prove, struct prove_client *client, struct call *call,
                       const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;

    if (call->state == CALL_UNKNOWN) {
        user->maybe_registered = true;
    } else if (answer->status == 201) {
        user->registered = true;
        prove->tally.acknowledged++;
    } else if (answer->status == 409 && user->maybe_registered) {
        user->registered = true;
    } else if (answer->status == 409 && call->tries > 1) {
        /* The first try made the account, and the repetition was not recognised. */
        user->registered = true;
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, user->name,
                   "the account was made, and then tried to be made again under the same key");
    } else if (call_key_refused(answer)) {
        tally_find(&prove->tally, FINDING_MIXED_UP, 1, user->name,
                   "the Idempotency-Key of its registration was taken for that of another account");
    }
}

const struct scene scene_register = {"register", begin_register, registered, NULL};

/* --- logging in */

static void begin_login(struct prove *prove, struct prove_client *client)
{
    struct call *first = call_add(prove, client, CALL_LOGIN, NULL);
    bool often = prove->phase == PHASE_LOAD && prove_random_below(prove, 4) == 0 &&
                 call_heavy_allowed(prove, prove->now_us, 2 * LOGIN_REPETITIONS);

    call_credentials(prove, client, first);
    for (size_t i = 1; often && i < LOGIN_REPETITIONS; i++) {
        struct call *call = call_add(prove, client, CALL_LOGIN, NULL);

        call_credentials(prove, client, call);
        memcpy(call->key, first->key, sizeof call->key);
        prove->tally.repetitions++;
    }
}

static void take_session(struct prove *prove, struct prove_client *client, const char *token)
{
    struct ledger_user *user = client->user;
    struct ledger_session *session = &user->sessions[user->session_count];

    if (user->session_count == LEDGER_SESSIONS) {
        user->sessions_unknown++;
        return;
    }
    *session = (struct ledger_session){.lost = false};
    session->data.first = prove->documents++ * DOCUMENT_NUMBERS;
    snprintf(session->token, sizeof session->token, "%s", token);
    user->session_count++;
    prove->tally.acknowledged++;
}

static void logged_in(struct prove *prove, struct prove_client *client, const struct call *call,
                      const struct prove_answer *answer)
{
    const char *token = json_string_value(json_object_get(scene_body(prove, answer), "token"));
    char words[CALL_WORDS_BYTES];

    call_words(prove, call, words);
    if (token == NULL || strlen(token) >= LEDGER_TOKEN_BYTES) {
        tally_find(&prove->tally, FINDING_LOST_SESSION, 1, client->user->name, "a log-in has no token: %s", words);
    } else if (client->state.token[0] == '\0') {
        snprintf(client->state.token, sizeof client->state.token, "%s", token);
        take_session(prove, client, token);
    } else if (strcmp(client->state.token, token) != 0) {
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                   "a log-in was repeated under its key, and made a second session: %s", words);
        client->user->sessions_unknown++;
    }
}

static void login_answered(struct prove *prove, struct prove_client *client, struct call *call,
                           const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    char words[CALL_WORDS_BYTES];

    if (call->role == ROLE_LIST) {
        scene_listed(prove, client, call, answer);
    } else if (call->dead) {
        scene_probed(prove, client, call, answer);
    } else if (call->state == CALL_UNKNOWN) {
        user->sessions_unknown++;
        if (prove->phase != PHASE_LOAD) {
            user->gone = true;
            prove->tally.unchecked += prove->phase == PHASE_CHECK;
            prove->tally.left += prove->phase == PHASE_CLEAN;
        }
    } else if (answer->status == 200) {
        logged_in(prove, client, call, answer);
    } else if (answer->status == 401 && !user->gone) {
        user->gone = true;
        tally_find(&prove->tally, FINDING_LOST_ACCOUNT, 1, user->name, "its log-in is refused: %s",
                   call_words(prove, call, words));
    } else if (prove->phase != PHASE_LOAD) {
        user->gone = true; /* the fault is counted as a failure, and not asked for again */
    }
}

static void settle_login(struct prove *prove, struct prove_client *client)
{
    const char *token = client->state.token;

    if (client->state.stage++ > 0 || prove->phase != PHASE_LOAD || token[0] == '\0')
        return;
    call_add(prove, client, CALL_LIST_SESSIONS, token)->role = ROLE_LIST;
    scene_forge(prove, client, token);
}

const struct scene scene_login = {"log in", begin_login, login_answered, settle_login};

/* --- the display name: every session knows it, from a cache or not */

static void add_rename(struct prove *prove, struct prove_client *client)
{
    struct ledger_user *user = client->user;
    struct call *call = call_add(prove, client, CALL_RENAME, user->sessions[client->state.at].token);

    call->number = ++user->renaming;
    snprintf(call->body, sizeof call->body, "{\"name\":\"prove %lld\"}", (long long)call->number);
    /*
     * Each session is read once while the name changes: the cached copy has been removed, so it is being filled again.
     */
    for (size_t i = 0; i < user->session_count; i++) {
        call = call_add(prove, client, CALL_GET_PROFILE, user->sessions[i].token);
        call->not_before_us = prove->now_us + prove_during_rename(prove);
    }
    client->state.left--;
}

/* And once immediately after the change. */
static void look_at_all(struct prove *prove, struct prove_client *client)
{
    for (size_t i = 0; i < client->user->session_count; i++)
        call_add(prove, client, CALL_GET_PROFILE, client->user->sessions[i].token)->fresh = true;
}

static void begin_rename(struct prove *prove, struct prove_client *client)
{
    client->state.at = prove_random_below(prove, client->user->session_count);
    client->state.left = RENAMES;
    add_rename(prove, client);
}

static void renamed(struct prove *prove, struct prove_client *client, struct call *call,
                    const struct prove_answer *answer)
{
    int64_t took_us = call->answered_us - call->sent_us;

    if (call->state == CALL_UNKNOWN)
        return;
    if (answer->status != 200) {
        scene_refused(prove, client, call, answer);
    } else if (call->kind == CALL_GET_PROFILE) {
        scene_profile(prove, client, call, answer);
    } else {
        client->user->renamed = call->number;
        prove->tally.acknowledged++;
        prove->rename_us = (7 * prove->rename_us + took_us) / 8;
        if (client->state.left == 1)
            look_at_all(prove, client);
        if (client->state.left > 0)
            add_rename(prove, client);
        else
            look_at_all(prove, client);
    }
}

const struct scene scene_rename = {"rename", begin_rename, renamed, NULL};

/* --- the end */

static void begin_close(struct prove *prove, struct prove_client *client)
{
    struct call *call = call_add(prove, client, CALL_CLOSE, client->user->sessions[0].token);
    char password[64];

    ledger_password(prove->secret, client->user->password, password, sizeof password);
    snprintf(call->body, sizeof call->body, "{\"password\":\"%s\"}", password);
    client->user->close_tries++;
}

static void closed(struct prove *prove, struct prove_client *client, struct call *call,
                   const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    char words[CALL_WORDS_BYTES];

    if (call->state == CALL_ANSWERED && answer->status == 204) {
        user->closed = true;
    } else if (call->state == CALL_ANSWERED && answer->status == 401 && call->tries > 1) {
        user->closed = true;
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, user->name,
                   "the account was closed, and then tried to be closed again under the same key: %s",
                   call_words(prove, call, words));
    } else if (call->state == CALL_UNKNOWN || user->close_tries > CLOSE_TRIES) {
        user->closed = true;
        prove->tally.left++;
    } else {
        scene_refused(prove, client, call, answer);
    }
}

const struct scene scene_close = {"close", begin_close, closed, NULL};
