#include "bin/prove_action.h"

#include <stdio.h>
#include <string.h>

/* xorshift64* */
uint64_t prove_random(struct prove *prove)
{
    prove->random ^= prove->random >> 12;
    prove->random ^= prove->random << 25;
    prove->random ^= prove->random >> 27;
    return prove->random * 0x2545F4914F6CDD1DULL;
}

size_t prove_random_below(struct prove *prove, size_t bound)
{
    return (size_t)(prove_random(prove) >> 33) % bound;
}

int64_t prove_random_around(struct prove *prove, int64_t average_us)
{
    return average_us / 2 + (int64_t)prove_random_below(prove, (size_t)average_us);
}

/* NULL when the body is no object. */
static json_t *body_of(struct prove *prove, const struct prove_answer *answer)
{
    struct err ignored = {.kind = ERR_NONE};
    json_t *json;

    return json_read_object(&prove->scratch, answer->body, answer->length, &json, &ignored) ? json : NULL;
}

struct ledger_session *action_session(const struct prove_client *client)
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
    memcpy(dead->token, action_session(client)->token, sizeof dead->token);
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

    return profile ? &client->user->profile : &action_session(client)->data;
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
        action_session(client)->checked = true;
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
        client->length = 1 + prove_random_below(prove, LEDGER_FILE_MAX_BYTES);
        for (size_t i = 0; i < client->length; i++)
            client->body[i] = (char)(prove_random(prove) >> 40);
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

const struct action *action_of(enum action_kind kind)
{
    return &actions[kind];
}
