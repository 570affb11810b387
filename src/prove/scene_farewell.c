/*
 * mayfly-prove, the end of sessions. Before it either the sessions are read, so that they are cached, or a change of
 * the name removes their cached copies, so that a read beside the end goes to the database. While the end is under way
 * the session reads and writes. Once it is acknowledged the token is tried at once, on new connections, while slower
 * reads may still be about to put a copy into the cache.
 */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum {
    CLOSED_PERCENT = 10,
    PASSWORD_PERCENT = 15,
    PROBES = 3,           /* of each ended session, at once */
    LATER_US = 60 * 1000, /* within which each is tried once more */
    WRONG_PASSWORDS = 8,  /* in a whole run, since the site counts them by address */
    BESIDE = 2,           /* readers, and writers, of an ending session */
};

enum { ROLE_NONE, ROLE_END, ROLE_NAME, ROLE_ID, ROLE_BESIDE, ROLE_AFTER, ROLE_SETTLE, ROLE_LIST, ROLE_OLD };

static bool keeps(const struct prove_client *client, const struct ledger_session *session)
{
    return strcmp(session->token, client->state.keeper) == 0;
}

/* Whether the session ends with this scene. A new password ends all of them; the session that stays has a new token. */
static bool ends(const struct prove_client *client, const struct ledger_session *session)
{
    switch (client->state.death) {
    case DEATH_LOGOUT:
    case DEATH_BY_ANOTHER:
        return strcmp(session->token, client->state.token) == 0;
    case DEATH_OTHERS:
        return !keeps(client, session);
    case DEATH_PASSWORD:
    case DEATH_CLOSED:
        break;
    }
    return true;
}

static void set_body(struct prove *prove, const struct ledger_user *user, struct call *call, const char *old_name)
{
    char old[64], new[64];

    ledger_password(prove->secret, user->password, old, sizeof old);
    ledger_password(prove->secret, user->password + 1, new, sizeof new);
    if (call->kind == CALL_PASSWORD)
        snprintf(call->body, sizeof call->body, "{\"%s\":\"%s\",\"new\":\"%s\"}", old_name, old, new);
    else
        snprintf(call->body, sizeof call->body, "{\"%s\":\"%s\"}", old_name, old);
}

/* A quarter of the accounts may be closed, both of those with cached sessions and of those without. */
static bool may_close(const struct prove *prove, const struct ledger_user *user)
{
    size_t alike = 0, closed = 0;

    for (size_t i = 0; i < prove->user_count; i++) {
        alike += prove->users[i].renames == user->renames;
        closed += prove->users[i].renames == user->renames && prove->users[i].closed;
    }
    return closed * 4 < alike;
}

static enum death choose(struct prove *prove, const struct ledger_user *user)
{
    size_t chance = prove_random_below(prove, 100);

    if (chance < CLOSED_PERCENT + PASSWORD_PERCENT && !call_heavy_allowed(prove, prove->now_us, 2))
        return DEATH_LOGOUT;
    if (chance < CLOSED_PERCENT)
        return may_close(prove, user) ? DEATH_CLOSED : DEATH_PASSWORD;
    if (chance < CLOSED_PERCENT + PASSWORD_PERCENT)
        return DEATH_PASSWORD;
    return (enum death[]){DEATH_LOGOUT, DEATH_LOGOUT, DEATH_BY_ANOTHER, DEATH_OTHERS}[prove_random_below(prove, 4)];
}

/* --- before */

static void begin(struct prove *prove, struct prove_client *client)
{
    struct ledger_user *user = client->user;
    struct scene_state *state = &client->state;
    size_t keeper = prove_random_below(prove, user->session_count);
    size_t ending = (keeper + 1 + prove_random_below(prove, user->session_count - 1)) % user->session_count;
    struct call *call;

    state->death = choose(prove, user);
    memcpy(state->keeper, user->sessions[keeper].token, sizeof state->keeper);
    memcpy(state->token, user->sessions[ending].token, sizeof state->token);
    scene_change_begin(client, true, 0);
    if (user->renames) {
        call = call_add(prove, client, CALL_RENAME, state->keeper);
        call->role = ROLE_NAME;
        call->number = ++user->renaming;
        snprintf(call->body, sizeof call->body, "{\"name\":\"prove %lld\"}", (long long)call->number);
    }
    for (size_t i = 0; !user->renames && i < user->session_count; i++)
        call_add(prove, client, CALL_GET_PROFILE, user->sessions[i].token)->role = ROLE_BESIDE;
    if (state->death == DEATH_BY_ANOTHER)
        call_add(prove, client, CALL_LIST_SESSIONS, state->token)->role = ROLE_ID;
}

/* The id of the session whose list it is. */
static void take_id(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    const json_t *list = json_object_get(scene_body(prove, answer), "sessions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(one, "id"));

        if (json_is_true(json_object_get(one, "current")) && id != NULL &&
            strspn(id, "0123456789abcdef-") == strlen(id))
            snprintf(client->state.id, sizeof client->state.id, "%s", id);
    }
}

/* --- meanwhile */

static void add_beside(struct prove *prove, struct prove_client *client, const struct ledger_session *session)
{
    bool ending = ends(client, session);

    for (size_t i = 0; i < BESIDE; i++) {
        struct call *read = call_add(prove, client, CALL_GET_PROFILE, session->token), *write;
        struct document_write *mark = document_write_add(&client->state.change, false);

        read->role = ROLE_BESIDE;
        read->also = ending ? 401 : 0;
        read->not_before_us = prove->now_us + prove_during_rename(prove);
        if (mark == NULL)
            continue;
        mark->ending = ending;
        write = scene_write(prove, client, session->token, mark);
        write->role = ROLE_BESIDE;
        write->also = ending ? 401 : 0;
        write->not_before_us = prove->now_us + prove_during_rename(prove);
    }
}

static void add_end(struct prove *prove, struct prove_client *client)
{
    static const enum call_kind kinds[] = {[DEATH_LOGOUT] = CALL_LOGOUT,
                                           [DEATH_BY_ANOTHER] = CALL_END_ONE,
                                           [DEATH_OTHERS] = CALL_END_OTHERS,
                                           [DEATH_PASSWORD] = CALL_PASSWORD,
                                           [DEATH_CLOSED] = CALL_CLOSE};
    const struct scene_state *state = &client->state;
    struct call *call =
        call_add(prove, client, kinds[state->death], state->death == DEATH_LOGOUT ? state->token : state->keeper);

    call->role = ROLE_END;
    if (state->death == DEATH_BY_ANOTHER)
        snprintf(call->path, sizeof call->path, "/sessions/%s", state->id);
    if (state->death == DEATH_PASSWORD)
        set_body(prove, client->user, call, "current");
    if (state->death == DEATH_CLOSED)
        set_body(prove, client->user, call, "password");
}

static void add_meeting(struct prove *prove, struct prove_client *client)
{
    struct ledger_user *user = client->user;

    if (client->state.death == DEATH_BY_ANOTHER && client->state.id[0] == '\0')
        client->state.death = DEATH_LOGOUT;
    add_end(prove, client);
    for (size_t i = 0; i < user->session_count; i++)
        if (ends(client, &user->sessions[i]) || keeps(client, &user->sessions[i]))
            add_beside(prove, client, &user->sessions[i]);
}

/* --- the end */

static void probe_all(struct prove *prove, struct prove_client *client, size_t first)
{
    const struct ledger_user *user = client->user;
    size_t later;

    for (size_t i = first; i < user->dead_count; i++)
        for (size_t times = 0; times < PROBES; times++)
            scene_probe(prove, client, user->dead[i].token);
    later = client->call_count;
    for (size_t i = first; i < user->dead_count; i++)
        scene_probe(prove, client, user->dead[i].token);
    for (; later < client->call_count; later++)
        client->calls[later].not_before_us = prove->now_us + (int64_t)prove_random_below(prove, LATER_US);
}

/* The session that changed the password continues under another token. */
static bool take_token(struct prove *prove, struct prove_client *client, const struct call *call,
                       const struct prove_answer *answer)
{
    const char *token = json_string_value(json_object_get(scene_body(prove, answer), "token"));
    struct ledger_session *keeper = ledger_session_of(client->user, client->state.keeper);
    struct ledger_session kept;
    char words[CALL_WORDS_BYTES];

    client->user->password++;
    if (token == NULL || strlen(token) >= LEDGER_TOKEN_BYTES || keeper == NULL) {
        tally_find(&prove->tally, FINDING_LOST_SESSION, 1, client->user->name, "a new password has no token: %s",
                   call_words(prove, call, words));
        return false;
    }
    kept = *keeper;
    ledger_session_end(client->user, (size_t)(keeper - client->user->sessions), DEATH_PASSWORD, call->request,
                       client->state.ended_us - prove->tally.began_us);
    snprintf(kept.token, sizeof kept.token, "%s", token);
    memcpy(client->state.keeper, kept.token, sizeof client->state.keeper);
    client->user->sessions[client->user->session_count++] = kept;
    return true;
}

static void ended(struct prove *prove, struct prove_client *client, const struct call *call,
                  const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    struct scene_state *state = &client->state;
    size_t first = user->dead_count;

    state->ended_us = call->answered_us;
    prove->tally.acknowledged++;
    if (state->death == DEATH_PASSWORD && !take_token(prove, client, call, answer))
        state->keeper[0] = '\0';
    for (size_t i = user->session_count; i > 0; i--)
        if (ends(client, &user->sessions[i - 1]) &&
            (state->death == DEATH_CLOSED || !keeps(client, &user->sessions[i - 1])))
            ledger_session_end(user, i - 1, state->death, call->request, call->answered_us - prove->tally.began_us);
    if (state->death == DEATH_CLOSED) {
        user->closed = true;
        state->keeper[0] = '\0';
        state->change.document = NULL; /* it is gone as well */
    }
    if (state->keeper[0] != '\0')
        call_add(prove, client, CALL_READ_PROFILE, state->keeper)->role = ROLE_AFTER;
    probe_all(prove, client, first);
}

/* Whether they ended is not known and can't be found out. */
static void end_unknown(struct prove *prove, struct prove_client *client)
{
    struct ledger_user *user = client->user;

    for (size_t i = user->session_count; i > 0; i--)
        if (ends(client, &user->sessions[i - 1])) {
            ledger_session_remove(user, i - 1);
            user->sessions_unknown++;
        }
    if (client->state.death == DEATH_PASSWORD || client->state.death == DEATH_CLOSED) {
        user->gone = true;
        prove->tally.unchecked++;
        prove->tally.left++;
    }
}

static void end_answered(struct prove *prove, struct prove_client *client, const struct call *call,
                         const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];

    if (call->state == CALL_UNKNOWN)
        end_unknown(prove, client);
    else if (answer->status == call->wanted)
        ended(prove, client, call, answer);
    else if (call->tries > 1)
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                   "the end of a session was repeated under its key, and answered %ld: %s", answer->status,
                   call_words(prove, call, words));
    if (call->state == CALL_ANSWERED && answer->status != call->wanted)
        scene_refused(prove, client, call, answer);
}

/* Of the session that ends or of the one that stays. */
static void beside(struct prove *prove, struct prove_client *client, struct call *call,
                   const struct prove_answer *answer)
{
    struct ledger_dead *dead = ledger_dead_of(client->user, call->token);

    if (call->write != NULL && client->state.change.document != NULL) {
        scene_written(prove, client, call, answer);
    } else if (call->kind == CALL_GET_PROFILE && answer->status == 200) {
        if (dead != NULL && call->sent_us > client->state.ended_us)
            scene_probed(prove, client, call, answer);
        scene_profile(prove, client, call, answer);
    } else if (call->state == CALL_ANSWERED && dead == NULL && client->state.ended_us == 0 && call->also == 0) {
        scene_refused(prove, client, call, answer);
    }
}

static void old_password(struct prove *prove, struct prove_client *client, const struct call *call,
                         const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED || answer->status != 200)
        return;
    tally_find(&prove->tally, FINDING_OLD_PASSWORD, 1, client->user->name, "a password that is no longer valid: %s",
               call_words(prove, call, words));
    client->user->sessions_unknown++;
}

static void after(struct prove *prove, struct prove_client *client, const struct call *call,
                  const struct prove_answer *answer)
{
    struct document_change *change = &client->state.change;
    int64_t version = document_version_of(answer->etag);

    if (answer->status == 200 && version >= 0 && (change->after_end < 0 || version < change->after_end))
        change->after_end = version;
    scene_seen(prove, client, call, answer, false);
}

static void answered(struct prove *prove, struct prove_client *client, struct call *call,
                     const struct prove_answer *answer)
{
    if (call->dead) {
        scene_probed(prove, client, call, answer);
        return;
    }
    switch (call->role) {
    case ROLE_NAME:
        if (call->state == CALL_ANSWERED && answer->status == 200)
            client->user->renamed = call->number;
        else
            scene_refused(prove, client, call, answer);
        break;
    case ROLE_ID:
        take_id(prove, client, answer);
        break;
    case ROLE_END:
        end_answered(prove, client, call, answer);
        break;
    case ROLE_BESIDE:
        beside(prove, client, call, answer);
        break;
    case ROLE_AFTER:
        after(prove, client, call, answer);
        break;
    case ROLE_OLD:
        old_password(prove, client, call, answer);
        break;
    case ROLE_LIST:
        scene_listed(prove, client, call, answer);
        break;
    default:
        scene_seen(prove, client, call, answer, true);
        break;
    }
}

/* --- afterwards */

static void try_old_password(struct prove *prove, struct prove_client *client)
{
    struct call *call;
    int64_t present = client->user->password;

    if (prove->wrong_passwords >= WRONG_PASSWORDS)
        return;
    prove->wrong_passwords++;
    call = call_add(prove, client, CALL_LOGIN, NULL);
    client->user->password -= client->state.death == DEATH_PASSWORD;
    call_credentials(prove, client, call);
    client->user->password = present;
    call->role = ROLE_OLD;
    call->wanted = 401;
}

static void settle(struct prove *prove, struct prove_client *client)
{
    struct scene_state *state = &client->state;
    bool kept = ledger_session_of(client->user, state->keeper) != NULL;

    switch (state->stage++) {
    case 0:
        if (kept && ledger_session_of(client->user, state->token) != NULL)
            add_meeting(prove, client);
        break;
    case 1:
        if (state->ended_us > 0 && (state->death == DEATH_PASSWORD || state->death == DEATH_CLOSED))
            try_old_password(prove, client);
        if (!kept || state->change.document == NULL)
            break;
        call_add(prove, client, CALL_READ_PROFILE, state->keeper)->role = ROLE_SETTLE;
        call_add(prove, client, CALL_LIST_SESSIONS, state->keeper)->role = ROLE_LIST;
        break;
    default:
        break;
    }
}

const struct scene scene_farewell = {"farewell", begin, answered, settle};
