#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum {
    CHECK_STEPS = 3 + LEDGER_SESSIONS, /* see prove/scene_check.c */
    CLOSE_TRIES = 4,
    PREPARED_SESSIONS = 2, /* one that ends, and one that sees it */
    PASSWORDS_FREE = 3,    /* the same for each kind of scene, or those that need fewer passwords would use them all */
    FORGED_FROM_END = 6,
};

/* --- what scenes share */

json_t *scene_body(struct prove *prove, const struct prove_answer *answer)
{
    struct err ignored = {.kind = ERR_NONE};
    json_t *json;

    return json_read_object(&prove->scratch, answer->body, answer->length, &json, &ignored) ? json : NULL;
}

void scene_refused(struct prove *prove, struct prove_client *client, const struct call *call,
                   const struct prove_answer *answer)
{
    struct ledger_session *session = ledger_session_of(client->user, call->token);
    char words[CALL_WORDS_BYTES];

    if (answer->status != 401 || session == NULL || session->lost)
        return;
    session->lost = true;
    /* Other workers may still accept it, and lists may have it. */
    client->user->sessions_unknown++;
    tally_find(&prove->tally, FINDING_LOST_SESSION, 1, client->user->name, "a session with %lld writes: %s: %.100s",
               (long long)session->data.version, call_words(prove, call, words), answer->body);
}

/* --- tokens that must be refused */

static const char probe_byte[] = "x";

void scene_probe(struct prove *prove, struct prove_client *client, const char *token)
{
    static const enum call_kind ways[] = {CALL_GET_PROFILE,   CALL_GET_PROFILE,   CALL_READ_SESSION, CALL_READ_PROFILE,
                                          CALL_LIST_SESSIONS, CALL_WRITE_PROFILE, CALL_UPLOAD};
    size_t count = sizeof ways / sizeof ways[0] - !prove->upload;
    enum call_kind kind = ways[prove_random_below(prove, count)];
    struct call *call;

    /* The pools for passwords are asked as well, as often as their limits allow. */
    if (prove_random_below(prove, 16) == 0 && call_heavy_allowed(prove, prove->refilled_us, 8))
        kind = CALL_RENAME;
    call = call_add(prove, client, kind, token);
    call->wanted = 401;
    call->dead = call->fresh = true;
    if (kind == CALL_WRITE_PROFILE)
        snprintf(call->body, sizeof call->body, "{\"by_a_dead_session\":true}");
    if (kind == CALL_RENAME)
        snprintf(call->body, sizeof call->body, "{\"name\":\"a dead session\"}");
    if (kind == CALL_UPLOAD) {
        call->bytes = probe_byte;
        call->length = 1;
    }
    prove->tally.dead_asked++;
}

static void forge(const char *token, char forged[LEDGER_TOKEN_BYTES])
{
    size_t length = strlen(token);

    memcpy(forged, token, LEDGER_TOKEN_BYTES);
    if (length > FORGED_FROM_END)
        forged[length - FORGED_FROM_END] = forged[length - FORGED_FROM_END] == 'A' ? 'B' : 'A';
}

void scene_forge(struct prove *prove, struct prove_client *client, const char *token)
{
    char forged[LEDGER_TOKEN_BYTES];

    forge(token, forged);
    scene_probe(prove, client, forged);
}

void scene_probed(struct prove *prove, struct prove_client *client, const struct call *call,
                  const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    struct ledger_dead *dead = ledger_dead_of(user, call->token);
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED)
        return;
    if (prove->phase == PHASE_CHECK)
        prove->tally.checked++;
    if (answer->status < 200 || answer->status > 299)
        return;
    if (dead == NULL)
        tally_find(&prove->tally, FINDING_FORGED_TOKEN, 1, user->name, "a token with another secret is accepted: %s",
                   call_words(prove, call, words));
    else if (!dead->revived)
        tally_find(&prove->tally, FINDING_ENDED_TOKEN, 1, user->name,
                   "a session was %s at %.3f s (request %s), and is accepted: %s", death_word(dead->death),
                   (double)dead->since_us / 1e6, dead->request[0] != '\0' ? dead->request : "?",
                   call_words(prove, call, words));
    if (dead != NULL)
        dead->revived = true;
}

/* --- profiles */

void scene_profile(struct prove *prove, struct prove_client *client, const struct call *call,
                   const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    json_t *body = scene_body(prove, answer);
    const char *username = json_string_value(json_object_get(body, "username"));
    const char *name = json_string_value(json_object_get(body, "name"));
    char words[CALL_WORDS_BYTES];
    long long number = 0;

    if (username != NULL && strcmp(username, user->name) != 0) {
        tally_find(&prove->tally, FINDING_MIXED_UP, 1, user->name, "the answer is about %.40s: %s", username,
                   call_words(prove, call, words));
        return;
    }
    if (name == NULL || sscanf(name, "prove %lld", &number) != 1)
        number = 0;
    if (number < call->at_least)
        tally_find(&prove->tally, FINDING_STALE_READ, 1, user->name,
                   "the profile has its name of change %lld after change %lld was acknowledged: %s", number,
                   (long long)call->at_least, call_words(prove, call, words));
    else if (number > user->renaming)
        tally_find(&prove->tally, FINDING_MIXED_UP, 1, user->name, "the profile has a name that was not asked for: %s",
                   call_words(prove, call, words));
}

/* --- documents */

void scene_change_begin(struct prove_client *client, bool profile, size_t at)
{
    client->state.profile = profile;
    client->state.at = at;
    document_change_begin(&client->state.change, profile ? &client->user->profile : &client->user->sessions[at].data);
}

struct call *scene_read(struct prove *prove, struct prove_client *client, const char *token)
{
    return call_add(prove, client, client->state.profile ? CALL_READ_PROFILE : CALL_READ_SESSION, token);
}

struct call *scene_write(struct prove *prove, struct prove_client *client, const char *token,
                         struct document_write *write)
{
    struct call *call = call_add(prove, client, client->state.profile ? CALL_WRITE_PROFILE : CALL_WRITE_SESSION, token);

    call->write = write;
    document_write_body(&client->state.change, write, call->body);
    if (write->conditional) {
        snprintf(call->if_match, sizeof call->if_match, "\"%lld\"", (long long)client->state.change.document->version);
        call->also = 412;
    }
    return call;
}

struct document_view scene_view(struct prove *prove, const struct prove_client *client, const struct call *call,
                                const struct prove_answer *answer, char words[CALL_WORDS_BYTES])
{
    return (struct document_view){
        .account = client->user->name,
        .what = client->state.profile ? "profile data" : "session data",
        .said_by = call_words(prove, call, words),
        .version = document_version_of(answer->etag),
        .body = scene_body(prove, answer),
    };
}

void scene_seen(struct prove *prove, struct prove_client *client, const struct call *call,
                const struct prove_answer *answer, bool settles)
{
    struct document_change *change = &client->state.change;
    char words[CALL_WORDS_BYTES];
    struct document_view view = scene_view(prove, client, call, answer, words);

    if (change->document == NULL || call->state != CALL_ANSWERED)
        return;
    if (call->status != 200)
        scene_refused(prove, client, call, answer);
    else if (settles)
        document_settle(&prove->tally, change, &view);
    else
        document_read(&prove->tally, change, &view, call->at_least);
}

/* --- what is played next */

/* The client's accounts are each client_count-th one. */
static struct ledger_user *first_with(const struct prove *prove, const struct prove_client *client,
                                      const struct scene *(*wanted)(const struct ledger_user *))
{
    for (size_t i = client->number; i < prove->user_count; i += prove->client_count)
        if (wanted(&prove->users[i]) != NULL)
            return &prove->users[i];
    return NULL;
}

static const struct scene *wanted_to_prepare(const struct ledger_user *user)
{
    if (user->gone)
        return NULL;
    if (!user->registered)
        return &scene_register;
    return user->session_count < PREPARED_SESSIONS ? &scene_login : NULL;
}

static const struct scene *wanted_to_check(const struct ledger_user *user)
{
    if (!user->registered || user->gone || user->checks >= CHECK_STEPS)
        return NULL;
    return user->session_count == 0 && !user->closed ? &scene_login : &scene_check;
}

static const struct scene *wanted_to_clean(const struct ledger_user *user)
{
    if (!user->registered || user->gone || user->closed || user->close_tries > CLOSE_TRIES)
        return NULL;
    return user->session_count == 0 ? &scene_login : &scene_close;
}

/* Random: mostly writes, and all the others often enough to occur within some seconds. */
static const struct scene *wanted_in_load(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    struct ledger_user *user = client->user;
    size_t chance = prove_random_below(prove, 100);

    if (!user->registered || user->gone)
        return NULL;
    if (user->closed)
        return &scene_dead;
    if (user->session_count == 0)
        return call_heavy_allowed(prove, now_us, 1) ? &scene_login : NULL;
    if (chance < 16 && user->session_count < LEDGER_SESSIONS && ledger_dead_fits(user, user->session_count + 1) &&
        call_heavy_allowed(prove, now_us, PASSWORDS_FREE))
        return &scene_login;
    if (chance < 28 && user->renames && call_heavy_allowed(prove, now_us, PASSWORDS_FREE))
        return &scene_rename;
    if (chance < 40 && user->session_count > 1 && ledger_dead_fits(user, user->session_count) &&
        (!user->renames || call_heavy_allowed(prove, now_us, PASSWORDS_FREE)))
        return &scene_farewell;
    if (chance < 44 && prove->keys)
        return &scene_key;
    if (chance < 49 && prove->site_url != NULL && user->session_count > 1 && ledger_dead_fits(user, 1))
        return &scene_visit;
    if (chance < 60)
        return &scene_writes;
    if (chance < 73)
        return &scene_rivals;
    if (chance < 84)
        return &scene_repeat;
    if (chance < 90 && prove->upload && user->file_count < LEDGER_FILES)
        return &scene_upload;
    return &scene_look;
}

static bool any_in_load(const struct prove *prove, const struct prove_client *client)
{
    for (size_t i = client->number; i < prove->user_count; i += prove->client_count)
        if (prove->users[i].registered && !prove->users[i].gone)
            return true;
    return false;
}

static const struct scene *(*wanted_in(enum prove_phase phase))(const struct ledger_user *)
{
    switch (phase) {
    case PHASE_PREPARE:
        return wanted_to_prepare;
    case PHASE_CHECK:
        return wanted_to_check;
    case PHASE_CLEAN:
        return wanted_to_clean;
    case PHASE_LOAD:
    case PHASE_STOP:
        break;
    }
    return NULL;
}

bool scene_none_left(const struct prove *prove, const struct prove_client *client)
{
    if (client->scene != NULL)
        return false;
    if (prove->phase == PHASE_LOAD)
        return !any_in_load(prove, client);
    return prove->phase == PHASE_STOP || first_with(prove, client, wanted_in(prove->phase)) == NULL;
}

const struct scene *scene_choose(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    size_t own = (prove->user_count - client->number + prove->client_count - 1) / prove->client_count;

    if (prove->phase == PHASE_STOP)
        return NULL;
    if (prove->phase == PHASE_LOAD) {
        client->user = &prove->users[client->number + prove_random_below(prove, own) * prove->client_count];
        return wanted_in_load(prove, client, now_us);
    }
    client->user = first_with(prove, client, wanted_in(prove->phase));
    return client->user != NULL ? wanted_in(prove->phase)(client->user) : NULL;
}
