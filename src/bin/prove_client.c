#include "bin/prove_client.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum {
    /* After that a request is given up; whether it was done is then not known. Longer than any sane outage in a proof. */
    PATIENCE_US = 180 * 1000000,
    THINK_US = 12 * 1000, /* between two requests of a client, on average */
    AGAIN_US = 80 * 1000, /* before a repetition, on average */
    LIMITED_US = 1000 * 1000,
    /* mayfly-limits.conf lets an address verify 10 passwords a second and 50 at once; a bit less asks for no patience. */
    HEAVY_US = 1000 * 1000 / 8,
    HEAVY_BURST_US = 40 * HEAVY_US,
    /* Of one account, when everything is checked: each lost session and file is one, and then nothing more is hoped for. */
    LATE_TROUBLES = 24,
};

/* What one kind of request is. */
struct action {
    const char *name;
    const char *method;
    long wanted;
    bool heavy;   /* the site verifies a password */
    bool session; /* it is about sessions[at] */
    bool change;  /* it has an Idempotency-Key */
    /* Fills path, body and the like; NULL when there is nothing but the path. */
    const char *path;
    void (*fill)(struct prove *, struct prove_client *, struct prove_request *);
    void (*done)(struct prove *, struct prove_client *, const struct prove_answer *);
    void (*refused)(struct prove *, struct prove_client *, const struct prove_answer *);
    void (*unknown)(struct prove *, struct prove_client *);
};

/* xorshift64*: no secret depends on it, and a seed repeats the run as far as answers come alike. */
static uint64_t next_random(struct prove *prove)
{
    prove->random ^= prove->random >> 12;
    prove->random ^= prove->random << 25;
    prove->random ^= prove->random >> 27;
    return prove->random * 0x2545F4914F6CDD1DULL;
}

static size_t below(struct prove *prove, size_t bound)
{
    return (size_t)(next_random(prove) >> 33) % bound;
}

static int64_t around(struct prove *prove, int64_t average_us)
{
    return average_us / 2 + (int64_t)below(prove, (size_t)average_us);
}

/* NULL when the body is no object. */
static json_t *body_of(struct prove *prove, const struct prove_answer *answer)
{
    struct err ignored = {.kind = ERR_NONE};
    json_t *json;

    return json_read_object(&prove->scratch, answer->body, answer->length, &json, &ignored) ? json : NULL;
}

static struct ledger_session *session_of(const struct prove_client *client)
{
    return &client->user->sessions[client->at];
}

/* --- registering, logging in and out */

static void fill_credentials(struct prove *prove, struct prove_client *client, struct prove_request *request)
{
    snprintf(client->body, sizeof client->body, "{\"username\":\"%s\",\"password\":\"%s\"}", client->user->name,
             prove->password);
    client->length = strlen(client->body);
    request->type = "application/json";
}

static void registered(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    (void)answer;
    client->user->registered = true;
    prove->tally.acknowledged++;
}

static void not_registered(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    if (answer->status != 409 || client->tries == 1)
        return;
    /* The first try made it, and the repetition does not know it. */
    tally_find(&prove->tally, FINDING_DOUBLED, 1, "%s: was made, and then tried to be made again", client->user->name);
    client->user->registered = true;
}

static void logged_in(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    const char *token = json_string_value(json_object_get(body_of(prove, answer), "token"));
    struct ledger_session *session = &user->sessions[user->session_count];

    if (token == NULL || strlen(token) >= LEDGER_TOKEN_BYTES) {
        tally_find(&prove->tally, FINDING_LOST, 1, "%s: a log-in was answered without a token", user->name);
        return;
    }
    prove->tally.acknowledged++;
    *session = (struct ledger_session){.checked = false};
    snprintf(session->token, sizeof session->token, "%s", token);
    user->session_count++;
}

static void not_logged_in(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    if (answer->status == 401 && !client->user->gone) {
        client->user->gone = true;
        tally_find(&prove->tally, FINDING_LOST, 1, "%s: the account; its log-in is refused", client->user->name);
    }
}

static void log_in_unknown(struct prove *prove, struct prove_client *client)
{
    (void)prove;
    client->user->sessions_unknown++;
}

/* From now on nobody may accept it. */
static void logged_out(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    struct ledger_dead *dead = &user->dead[user->dead_count++];

    (void)answer;
    prove->tally.acknowledged++;
    *dead = (struct ledger_dead){.checked = false};
    memcpy(dead->token, session_of(client)->token, sizeof dead->token);
    ledger_session_remove(user, client->at);
}

static void log_out_unknown(struct prove *prove, struct prove_client *client)
{
    (void)prove;
    ledger_session_remove(client->user, client->at);
    client->user->sessions_unknown++;
}

/* Also of a log-out whose repetition is not known: then it did what it should. */
static void not_logged_out(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    if (answer->status == 401 && client->tries == 1)
        ledger_session_lost(&prove->tally, client->user, client->at, answer->body);
    else if (answer->status == 401)
        log_out_unknown(prove, client);
}

static void fill_dead(struct prove *prove, struct prove_client *client, struct prove_request *request)
{
    (void)prove;
    request->token = client->user->dead[client->at].token;
}

static void stayed_dead(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_dead *dead = &client->user->dead[client->at];

    (void)answer;
    if (prove->phase != PHASE_CHECK)
        return;
    dead->checked = true;
    prove->tally.checked++;
}

static void came_back(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_dead *dead = &client->user->dead[client->at];

    if (answer->status < 200 || answer->status > 299)
        return;
    if (!dead->revived)
        tally_find(&prove->tally, FINDING_REVIVED, 1, "%s's session %.12s...: logged out, and accepted by %s",
                   client->user->name, dead->token, answer->worker[0] != '\0' ? answer->worker : "the site");
    dead->revived = dead->checked = true;
}

/* --- documents */

static struct ledger_document *document_of(const struct prove_client *client)
{
    bool profile = client->action == ACTION_READ_PROFILE || client->action == ACTION_WRITE_PROFILE;

    return profile ? &client->user->profile : &session_of(client)->data;
}

static void fill_write(struct prove *prove, struct prove_client *client, struct prove_request *request)
{
    const struct ledger_document *document = document_of(client);

    (void)prove;
    ledger_next_write(document, client->body, sizeof client->body);
    client->length = strlen(client->body);
    snprintf(client->etag, sizeof client->etag, "\"%lld\"", (long long)document->version);
    request->type = "application/json";
    request->if_match = client->etag;
}

static void compare(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    bool profile = document_of(client) == &client->user->profile;

    ledger_compare(&prove->tally, document_of(client), client->user->name, profile ? "profile data" : "session data",
                   answer, body_of(prove, answer));
}

static void written(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_document *document = document_of(client);

    document->counter++;
    document->version++;
    document->unknown = false;
    prove->tally.acknowledged++;
    compare(prove, client, answer);
}

static void write_unknown(struct prove *prove, struct prove_client *client)
{
    (void)prove;
    document_of(client)->unknown = true;
}

static void read_done(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    bool profile = client->action == ACTION_READ_PROFILE;

    if (prove->phase == PHASE_CHECK)
        prove->tally.checked += document_of(client)->counter + !profile;
    compare(prove, client, answer);
    if (prove->phase != PHASE_CHECK)
        return;
    if (profile)
        client->user->profile_checked = true;
    else
        session_of(client)->checked = true;
}

/* Of anything that a session was sent with. 412 to a write of ours: somebody or something else wrote; a look will say. */
static void session_refused(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    bool profile = client->action == ACTION_WRITE_PROFILE;

    if (answer->status == 401) {
        ledger_session_lost(&prove->tally, client->user, client->at, answer->body);
    } else if (answer->status == 412 && (profile || client->action == ACTION_WRITE_SESSION)) {
        document_of(client)->unknown = document_of(client)->unknown || client->tries > 1;
        client->next_action = profile ? ACTION_READ_PROFILE : ACTION_READ_SESSION;
    }
}

/* --- files */

static void fill_upload(struct prove *prove, struct prove_client *client, struct prove_request *request)
{
    if (client->tries == 0) {
        client->length = 1 + below(prove, LEDGER_FILE_MAX_BYTES);
        for (size_t i = 0; i < client->length; i++)
            client->body[i] = (char)(next_random(prove) >> 40);
    }
    snprintf(client->path, sizeof client->path, "/upload?name=%.8s.bin", client->key);
    request->type = "application/octet-stream";
}

/* Not an id that would lead elsewhere. */
static bool plain_id(const char *id)
{
    return id != NULL && id[0] != '\0' && strlen(id) < LEDGER_FILE_ID_BYTES &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == strlen(id);
}

static void uploaded(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    json_t *body = body_of(prove, answer);
    const char *id = json_string_value(json_object_get(body, "id"));
    const char *said = json_string_value(json_object_get(body, "sha256"));
    struct ledger_file *file = &user->files[user->file_count];
    char hex[SHA256_HEX_BYTES];

    *file = (struct ledger_file){.size = client->length};
    sha256_of(client->body, client->length, file->digest);
    sha256_hex(file->digest, hex);
    if (!plain_id(id) || said == NULL || strcmp(said, hex) != 0) {
        tally_find(&prove->tally, FINDING_LOST, 1, "%s: an upload of %zu bytes was acknowledged with another SHA-256",
                   user->name, client->length);
        user->files_unknown++;
        return;
    }
    snprintf(file->id, sizeof file->id, "%s", id);
    user->file_count++;
    prove->tally.acknowledged++;
}

static void upload_unknown(struct prove *prove, struct prove_client *client)
{
    (void)prove;
    client->user->files_unknown++;
}

/* The account's file is fetched with its first session. */
static const char *first_token(const struct prove_client *client)
{
    return client->user->sessions[0].token;
}

static void fill_download(struct prove *prove, struct prove_client *client, struct prove_request *request)
{
    (void)prove;
    snprintf(client->path, sizeof client->path, "/files/%s", client->user->files[client->at].id);
    request->token = first_token(client);
}

static void downloaded(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_file *file = &client->user->files[client->at];
    unsigned char digest[SHA256_BYTES];

    sha256_of(answer->body, answer->length, digest);
    if (prove->phase == PHASE_CHECK)
        prove->tally.checked++;
    if (answer->length != file->size || memcmp(digest, file->digest, sizeof digest) != 0)
        ledger_file_lost(&prove->tally, client->user, client->at, "it has other bytes now");
    else
        file->checked = prove->phase == PHASE_CHECK;
}

static void file_refused(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    if (answer->status == 401)
        ledger_session_lost(&prove->tally, client->user, 0, answer->body);
    else
        ledger_file_lost(&prove->tally, client->user, client->at, answer->body);
}

/* --- lists */

static void sessions_listed(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;

    int64_t revived = 0; /* listed again, and found already */

    for (size_t i = 0; i < user->dead_count; i++)
        revived += user->dead[i].revived;
    user->sessions_listed = true;
    ledger_count(&prove->tally, user, "sessions", body_of(prove, answer), user->session_count,
                 user->sessions_unknown + revived);
}

static void files_listed(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;

    user->files_listed = true;
    ledger_count(&prove->tally, user, "files", body_of(prove, answer), user->file_count, user->files_unknown);
}

/* --- the end */

static void fill_close(struct prove *prove, struct prove_client *client, struct prove_request *request)
{
    snprintf(client->body, sizeof client->body, "{\"password\":\"%s\"}", prove->password);
    client->length = strlen(client->body);
    request->type = "application/json";
}

static void account_closed(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    (void)prove;
    (void)answer;
    client->user->closed = true;
}

static void not_closed(struct prove *prove, struct prove_client *client, const struct prove_answer *answer)
{
    if (answer->status == 401 && client->tries == 1) {
        ledger_session_lost(&prove->tally, client->user, client->at, answer->body);
        return;
    }
    /* 401 to a repetition: the first try did it. */
    prove->tally.left += answer->status != 401;
    client->user->closed = true;
}

/* clang-format off */
static const struct action actions[ACTION_COUNT] = {
    [ACTION_REGISTER] = {"register", "POST", 201, .heavy = true, .change = true, .path = "/register",
                         .fill = fill_credentials, .done = registered, .refused = not_registered},
    [ACTION_LOGIN] = {"log in", "POST", 200, .heavy = true, .change = true, .path = "/login",
                      .fill = fill_credentials, .done = logged_in, .refused = not_logged_in, .unknown = log_in_unknown},
    [ACTION_LOGOUT] = {"log out", "POST", 200, .session = true, .change = true, .path = "/logout",
                       .done = logged_out, .refused = not_logged_out, .unknown = log_out_unknown},
    [ACTION_TRY_DEAD] = {"use a session that was logged out", "GET", 401, .path = "/profile",
                         .fill = fill_dead, .done = stayed_dead, .refused = came_back},
    [ACTION_WRITE_SESSION] = {"write session data", "PATCH", 200, .session = true, .change = true, .path = "/session/data",
                              .fill = fill_write, .done = written, .refused = session_refused, .unknown = write_unknown},
    [ACTION_READ_SESSION] = {"read session data", "GET", 200, .session = true, .path = "/session/data",
                             .done = read_done, .refused = session_refused},
    [ACTION_WRITE_PROFILE] = {"write profile data", "PATCH", 200, .session = true, .change = true, .path = "/profile/data",
                              .fill = fill_write, .done = written, .refused = session_refused, .unknown = write_unknown},
    [ACTION_READ_PROFILE] = {"read profile data", "GET", 200, .session = true, .path = "/profile/data",
                             .done = read_done, .refused = session_refused},
    [ACTION_UPLOAD] = {"upload", "POST", 201, .session = true, .change = true, .path = "",
                       .fill = fill_upload, .done = uploaded, .refused = session_refused, .unknown = upload_unknown},
    [ACTION_DOWNLOAD] = {"download", "GET", 200, .path = "",
                         .fill = fill_download, .done = downloaded, .refused = file_refused},
    [ACTION_LIST_SESSIONS] = {"list sessions", "GET", 200, .session = true, .path = "/sessions",
                              .done = sessions_listed, .refused = session_refused},
    [ACTION_LIST_FILES] = {"list files", "GET", 200, .session = true, .path = "/files",
                           .done = files_listed, .refused = session_refused},
    [ACTION_CLOSE] = {"close the account", "DELETE", 204, .heavy = true, .session = true, .change = true, .path = "/profile",
                      .fill = fill_close, .done = account_closed, .refused = not_closed},
};
/* clang-format on */

/* --- what to do next */

/* A bucket of time: each password takes HEAVY_US out of it. */
static bool heavy_allowed(struct prove *prove, int64_t now_us)
{
    prove->tokens_us += now_us - prove->refilled_us;
    prove->refilled_us = now_us;
    if (prove->tokens_us > HEAVY_BURST_US)
        prove->tokens_us = HEAVY_BURST_US;
    return prove->tokens_us >= HEAVY_US;
}

/* The client's accounts are each client_count-th one. */
static struct ledger_user *first_with(const struct prove *prove, const struct prove_client *client,
                                      enum action_kind (*wants)(const struct prove *, const struct ledger_user *,
                                                                size_t *))
{
    size_t at;

    for (size_t i = client->slot; i < prove->user_count; i += prove->client_count)
        if (wants(prove, &prove->users[i], &at) != ACTION_NONE)
            return &prove->users[i];
    return NULL;
}

static enum action_kind wanted_to_prepare(const struct prove *prove, const struct ledger_user *user, size_t *at)
{
    (void)prove;
    *at = 0;
    if (!user->registered)
        return ACTION_REGISTER;
    return user->session_count == 0 && !user->gone ? ACTION_LOGIN : ACTION_NONE;
}

static enum action_kind wanted_to_check(const struct prove *prove, const struct ledger_user *user, size_t *at)
{
    if (!user->registered || user->gone || user->late_troubles >= LATE_TROUBLES)
        return ACTION_NONE;
    if (user->session_count == 0)
        return ACTION_LOGIN;
    for (*at = 0; *at < user->dead_count; ++*at)
        if (!user->dead[*at].checked)
            return ACTION_TRY_DEAD;
    for (*at = 0; *at < user->session_count; ++*at)
        if (!user->sessions[*at].checked)
            return ACTION_READ_SESSION;
    for (*at = 0; *at < user->file_count; ++*at)
        if (!user->files[*at].checked)
            return ACTION_DOWNLOAD;
    *at = 0;
    if (!user->profile_checked)
        return ACTION_READ_PROFILE;
    if (!user->sessions_listed)
        return ACTION_LIST_SESSIONS;
    return prove->upload && !user->files_listed ? ACTION_LIST_FILES : ACTION_NONE;
}

static enum action_kind wanted_to_clean(const struct prove *prove, const struct ledger_user *user, size_t *at)
{
    (void)prove;
    *at = 0;
    if (!user->registered || user->gone || user->closed || user->late_troubles >= LATE_TROUBLES)
        return ACTION_NONE;
    return user->session_count == 0 ? ACTION_LOGIN : ACTION_CLOSE;
}

/* Of one account, by chance: mostly writes, and reads that follow them on another worker. */
static enum action_kind choose_load(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    struct ledger_user *user = client->user;
    size_t chance = below(prove, 100);

    if (user->session_count == 0)
        return heavy_allowed(prove, now_us) ? ACTION_LOGIN : ACTION_NONE;
    client->at = below(prove, user->session_count);
    if (chance < 26)
        return ACTION_WRITE_SESSION;
    if (chance < 50)
        return ACTION_WRITE_PROFILE;
    if (chance < 66)
        return ACTION_READ_SESSION;
    if (chance < 80)
        return ACTION_READ_PROFILE;
    if (chance < 85 && user->session_count < LEDGER_SESSIONS && heavy_allowed(prove, now_us))
        return ACTION_LOGIN;
    if (chance < 88 && user->session_count > 1 && user->dead_count < LEDGER_DEAD)
        return ACTION_LOGOUT;
    if (chance < 92 && user->dead_count > 0) {
        client->at = below(prove, user->dead_count);
        return ACTION_TRY_DEAD;
    }
    if (chance < 96 && prove->upload && user->file_count < LEDGER_FILES)
        return ACTION_UPLOAD;
    if (user->file_count > 0) {
        client->at = below(prove, user->file_count);
        return ACTION_DOWNLOAD;
    }
    return ACTION_READ_PROFILE;
}

static bool in_load(const struct ledger_user *user)
{
    return user->registered && !user->gone;
}

static bool any_in_load(const struct prove *prove, const struct prove_client *client)
{
    for (size_t i = client->slot; i < prove->user_count; i += prove->client_count)
        if (in_load(&prove->users[i]))
            return true;
    return false;
}

static enum action_kind next_of_load(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    size_t own = (prove->user_count - client->slot + prove->client_count - 1) / prove->client_count;

    if (client->next_action != ACTION_NONE)
        return client->next_action; /* of the same account and session */
    client->user = &prove->users[client->slot + below(prove, own) * prove->client_count];
    return in_load(client->user) ? choose_load(prove, client, now_us) : ACTION_NONE;
}

static enum action_kind (*wanted_in(enum prove_phase phase))(const struct prove *, const struct ledger_user *, size_t *)
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

bool client_idle(const struct prove *prove, const struct prove_client *client)
{
    if (client->action != ACTION_NONE)
        return false;
    if (prove->phase == PHASE_LOAD)
        return !any_in_load(prove, client);
    return prove->phase == PHASE_STOP || first_with(prove, client, wanted_in(prove->phase)) == NULL;
}

/* Sets action, user and at; false when there is nothing to do, or not yet. */
static bool choose(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    enum action_kind action = ACTION_NONE;

    if (prove->phase == PHASE_LOAD) {
        action = next_of_load(prove, client, now_us);
    } else if (prove->phase != PHASE_STOP) {
        client->user = first_with(prove, client, wanted_in(prove->phase));
        if (client->user != NULL)
            action = wanted_in(prove->phase)(prove, client->user, &client->at);
    }
    client->next_action = ACTION_NONE;
    if (action == ACTION_NONE || (actions[action].heavy && !heavy_allowed(prove, now_us)))
        return false;
    if (actions[action].heavy)
        prove->tokens_us -= HEAVY_US;
    client->action = action;
    return true;
}

bool client_go(struct prove *prove, struct prove_client *client, int64_t now_us, struct err *err)
{
    const struct action *action;
    struct prove_request request = {.method = NULL};
    unsigned char key[(PROVE_KEY_BYTES - 1) / 2];

    if (client->under_way || now_us < client->not_before_us)
        return true;
    if (client->action == ACTION_NONE) {
        if (!choose(prove, client, now_us)) {
            client->not_before_us = now_us + around(prove, THINK_US);
            return true;
        }
        random_bytes(key, sizeof key);
        bytes_to_hex(key, sizeof key, client->key);
        client->tries = 0;
        client->first_us = now_us;
        client->troubled = NULL;
        client->length = 0;
    }
    action = &actions[client->action];
    request.method = action->method;
    snprintf(client->path, sizeof client->path, "%s", action->path);
    if (action->session)
        request.token = session_of(client)->token;
    if (action->change)
        request.key = client->key;
    if (action->fill != NULL)
        action->fill(prove, client, &request);
    request.path = client->path;
    request.body = client->length > 0 ? client->body : NULL;
    request.length = client->length;
    client->tries++;
    client->under_way = true;
    return prove_http_send(prove->http, client->slot, &request, err);
}

/* Consecutive requests of one session should be answered by different workers. */
static void note_worker(struct prove *prove, const struct prove_client *client, const struct prove_answer *answer)
{
    struct ledger_session *session;

    if (!actions[client->action].session || answer->worker[0] == '\0')
        return;
    session = session_of(client);
    prove->tally.followed += session->worker[0] != '\0';
    prove->tally.moved += session->worker[0] != '\0' && strcmp(session->worker, answer->worker) != 0;
    memcpy(session->worker, answer->worker, sizeof session->worker);
}

/* The site does not let anybody in: nothing can be proven. */
static bool closed_site(const struct prove_client *client, const struct prove_answer *answer, struct err *err)
{
    return client->action == ACTION_REGISTER && !client->user->registered && answer->status != 0 &&
           !err_set(err, ERR_INPUT, "accounts can't be made: POST /register answers %ld %.150s", answer->status,
                    answer->body);
}

static bool try_again(const struct prove_answer *answer)
{
    return answer->status == 0 || answer->status >= 500 || answer->status == 429;
}

static void finish(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    client->action = ACTION_NONE;
    client->not_before_us = now_us + around(prove, THINK_US);
}

/* Keeps the last phases from asking for ever. */
static void late_trouble(struct prove *prove, struct ledger_user *user, int weight)
{
    bool before = user->late_troubles >= LATE_TROUBLES;

    if (prove->phase != PHASE_CHECK && prove->phase != PHASE_CLEAN)
        return;
    user->late_troubles += weight;
    if (before || user->late_troubles < LATE_TROUBLES)
        return;
    if (prove->phase == PHASE_CHECK)
        prove->tally.unchecked++;
    else
        prove->tally.left++;
}

/* What was not answered in all this time can't be checked any more. */
static void give_up(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    if (actions[client->action].unknown != NULL)
        actions[client->action].unknown(prove, client);
    late_trouble(prove, client->user, LATE_TROUBLES);
    finish(prove, client, now_us);
}

static enum tally_verdict verdict_of(const struct action *action, const struct prove_answer *answer)
{
    if (answer->status == action->wanted)
        return VERDICT_GOOD;
    return answer->status == 429 ? VERDICT_LIMITED : VERDICT_FAILED;
}

bool client_answer(struct prove *prove, struct prove_client *client, const struct prove_answer *answer, int64_t now_us,
                   struct err *err)
{
    const struct action *action = &actions[client->action];
    enum tally_verdict verdict = verdict_of(action, answer);
    bool goes_on = true;

    client->under_way = false;
    tally_answer(&prove->tally, answer, verdict, action->name, client->tries > 1, now_us);
    if (verdict == VERDICT_FAILED && client->troubled == NULL)
        client->troubled = tally_event(&prove->tally);
    if (!try_again(answer))
        note_worker(prove, client, answer);
    if (verdict == VERDICT_GOOD) {
        tally_done(&prove->tally, client->troubled, now_us - client->first_us, now_us);
        client->finished_us = client->first_us;
        action->done(prove, client, answer);
        finish(prove, client, now_us);
    } else if (!try_again(answer)) {
        client->finished_us = client->first_us;
        if (action->refused != NULL)
            action->refused(prove, client, answer);
        late_trouble(prove, client->user, 1);
        goes_on = !closed_site(client, answer, err);
        finish(prove, client, now_us);
    } else if (prove->phase == PHASE_STOP || now_us - client->first_us > PATIENCE_US) {
        give_up(prove, client, now_us);
    } else {
        client->not_before_us = now_us + around(prove, answer->status == 429 ? LIMITED_US : AGAIN_US);
    }
    arena_reset(&prove->scratch);
    return goes_on;
}
