/*
 * mayfly-prove, scenes that only read: lists, files, tokens that must be refused and an old repetition, at any time
 * and, in the end, all that was acknowledged.
 */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

/* The parts of the last check: dead tokens, profile, the documents of sessions, files. */
enum { STEP_DEAD, STEP_PROFILE, STEP_SESSIONS, STEP_FILES = STEP_SESSIONS + LEDGER_SESSIONS };

enum { ROLE_NONE, ROLE_SETTLE, ROLE_LIST, ROLE_FILE, ROLE_FOREIGN, ROLE_REPETITION };

enum { DEAD_TIMES = 2 }; /* how often each token is tried in the end */

/* --- lists */

void scene_listed(struct prove *prove, struct prove_client *client, const struct call *call,
                  const struct prove_answer *answer)
{
    const struct ledger_user *user = client->user;
    bool files = call->kind == CALL_LIST_FILES;
    const json_t *list = json_object_get(scene_body(prove, answer), files ? "files" : "sessions");
    int64_t there = (int64_t)json_array_size(list), known = files ? (int64_t)user->file_count : 0;
    int64_t unknown = files ? user->files_unknown : user->sessions_unknown;
    const char *what = files ? "files" : "sessions";
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED || answer->status != 200) {
        scene_refused(prove, client, call, answer);
        return;
    }
    for (size_t i = 0; files && i < user->file_count; i++) {
        known -= user->files[i].lost;
        unknown += user->files[i].lost;
    }
    for (size_t i = 0; !files && i < user->session_count; i++)
        known += !user->sessions[i].lost;
    for (size_t i = 0; !files && i < user->dead_count; i++)
        unknown += user->dead[i].revived; /* already reported */
    call_words(prove, call, words);
    if (there > known + unknown)
        tally_find(&prove->tally, FINDING_DONE_TWICE, there - known - unknown, user->name,
                   "%lld %s are listed, acknowledged: %lld: %s", (long long)there, what, (long long)known, words);
    else if (there < known)
        tally_find(&prove->tally, files ? FINDING_LOST_FILE : FINDING_LOST_SESSION, known - there, user->name,
                   "%lld %s are listed, acknowledged: %lld: %s", (long long)there, what, (long long)known, words);
}

/* --- files */

static void add_download(struct prove *prove, struct prove_client *client, size_t file, const char *token)
{
    struct call *call = call_add(prove, client, CALL_DOWNLOAD, token);

    snprintf(call->path, sizeof call->path, "/files/%s", client->user->files[file].id);
    call->role = ROLE_FILE;
    call->number = (int64_t)file;
}

static void downloaded(struct prove *prove, struct prove_client *client, const struct call *call,
                       const struct prove_answer *answer)
{
    struct ledger_file *file = &client->user->files[call->number];
    unsigned char digest[SHA256_BYTES];
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED || file->lost)
        return;
    sha256_of(answer->body, answer->length, digest);
    call_words(prove, call, words);
    if (answer->status == 401) {
        scene_refused(prove, client, call, answer);
    } else if (answer->status != 200) {
        file->lost = true;
        tally_find(&prove->tally, FINDING_LOST_FILE, 1, client->user->name, "a file of %zu bytes is answered %ld: %s",
                   file->size, answer->status, words);
    } else if (answer->length != file->size || memcmp(digest, file->digest, sizeof digest) != 0) {
        file->lost = true;
        tally_find(&prove->tally, FINDING_LOST_FILE, 1, client->user->name,
                   "a file of %zu bytes has other ones now, %zu: %s", file->size, answer->length, words);
    }
}

/* A file of another account, which must not be readable. */
static void add_foreign(struct prove *prove, struct prove_client *client, const char *token)
{
    const struct ledger_user *other = &prove->users[prove_random_below(prove, prove->user_count)];
    struct call *call;

    if (other == client->user || other->file_count == 0)
        return;
    call = call_add(prove, client, CALL_DOWNLOAD, token);
    snprintf(call->path, sizeof call->path, "/files/%s", other->files[0].id);
    call->role = ROLE_FOREIGN;
    call->wanted = 404;
}

static void foreign_answered(struct prove *prove, struct prove_client *client, const struct call *call,
                             const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];

    if (call->state == CALL_ANSWERED && answer->status == 200)
        tally_find(&prove->tally, FINDING_MIXED_UP, 1, client->user->name, "it is given another account's file: %s",
                   call_words(prove, call, words));
    else
        scene_refused(prove, client, call, answer);
}

/* --- requests that were answered long ago, repeated under the same key */

static void add_repetition(struct prove *prove, struct prove_client *client)
{
    const struct ledger_repetition *kept = &client->user->repetition;
    struct call *call;

    if (!kept->kept || ledger_session_of(client->user, kept->token) == NULL)
        return;
    call = call_add(prove, client, kept->profile ? CALL_WRITE_PROFILE : CALL_WRITE_SESSION, kept->token);
    memcpy(call->key, kept->key, sizeof call->key);
    memcpy(call->if_match, kept->if_match, sizeof call->if_match);
    memcpy(call->body, kept->body, sizeof kept->body);
    call->role = ROLE_REPETITION;
    prove->tally.repetitions++;
}

static void repeated(struct prove *prove, struct prove_client *client, const struct call *call,
                     const struct prove_answer *answer)
{
    unsigned char digest[SHA256_BYTES];
    struct sha256 hash;
    char words[CALL_WORDS_BYTES];

    if (call->state != CALL_ANSWERED)
        return;
    sha256_init(&hash);
    sha256_add(&hash, answer->etag, strlen(answer->etag));
    sha256_add(&hash, answer->body, answer->length);
    sha256_end(&hash, digest);
    if (answer->status == 401)
        scene_refused(prove, client, call, answer);
    else if (answer->status != 200 || memcmp(digest, client->user->repetition.digest, sizeof digest) != 0)
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                   "a write of before was repeated under its key, and answered %ld, version %s: %s", answer->status,
                   answer->etag, call_words(prove, call, words));
}

/* --- at any time */

static void answered(struct prove *prove, struct prove_client *client, struct call *call,
                     const struct prove_answer *answer)
{
    if (call->dead)
        scene_probed(prove, client, call, answer);
    else if (call->role == ROLE_LIST)
        scene_listed(prove, client, call, answer);
    else if (call->role == ROLE_FILE)
        downloaded(prove, client, call, answer);
    else if (call->role == ROLE_FOREIGN)
        foreign_answered(prove, client, call, answer);
    else if (call->role == ROLE_REPETITION)
        repeated(prove, client, call, answer);
    else if (call->role == ROLE_SETTLE)
        scene_seen(prove, client, call, answer, true);
    else if (call->state == CALL_ANSWERED && answer->status == 200)
        scene_profile(prove, client, call, answer);
    else
        scene_refused(prove, client, call, answer);
}

static void begin_look(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;
    const char *token = user->sessions[prove_random_below(prove, user->session_count)].token;

    for (size_t i = 0; i < 2 && user->dead_count > 0; i++)
        scene_probe(prove, client, user->dead[prove_random_below(prove, user->dead_count)].token);
    scene_forge(prove, client, token);
    add_repetition(prove, client);
    call_add(prove, client, CALL_LIST_SESSIONS, token)->role = ROLE_LIST;
    if (prove->upload)
        call_add(prove, client, CALL_LIST_FILES, token)->role = ROLE_LIST;
    if (user->file_count > 0)
        add_download(prove, client, prove_random_below(prove, user->file_count), token);
    add_foreign(prove, client, token);
}

const struct scene scene_look = {"look", begin_look, answered, NULL};

static void begin_dead(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;

    for (size_t i = 0; i < 3 && user->dead_count > 0; i++)
        scene_probe(prove, client, user->dead[prove_random_below(prove, user->dead_count)].token);
}

const struct scene scene_dead = {"dead tokens", begin_dead, answered, NULL};

/* --- in the end */

static void check_profile(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;

    scene_change_begin(client, true, 0);
    call_add(prove, client, CALL_READ_PROFILE, user->sessions[0].token)->role = ROLE_SETTLE;
    for (size_t i = 0; i < user->session_count; i++)
        call_add(prove, client, CALL_GET_PROFILE, user->sessions[i].token);
    call_add(prove, client, CALL_LIST_SESSIONS, user->sessions[0].token)->role = ROLE_LIST;
    if (prove->upload)
        call_add(prove, client, CALL_LIST_FILES, user->sessions[0].token)->role = ROLE_LIST;
    prove->tally.checked += user->profile.written + 2;
}

static void begin_check(struct prove *prove, struct prove_client *client)
{
    struct ledger_user *user = client->user;
    size_t step = user->checks++;

    if (step == STEP_DEAD)
        for (size_t i = 0; i < user->dead_count * DEAD_TIMES; i++)
            scene_probe(prove, client, user->dead[i % user->dead_count].token);
    if (user->session_count == 0)
        return;
    if (step == STEP_PROFILE)
        check_profile(prove, client);
    if (step >= STEP_SESSIONS && step - STEP_SESSIONS < user->session_count) {
        scene_change_begin(client, false, step - STEP_SESSIONS);
        scene_read(prove, client, user->sessions[step - STEP_SESSIONS].token)->role = ROLE_SETTLE;
        prove->tally.checked += user->sessions[step - STEP_SESSIONS].data.written + 1;
    }
    for (size_t i = 0; step == STEP_FILES && i < user->file_count; i++, prove->tally.checked++)
        add_download(prove, client, i, user->sessions[0].token);
}

static void check_answered(struct prove *prove, struct prove_client *client, struct call *call,
                           const struct prove_answer *answer)
{
    if (call->state == CALL_UNKNOWN && !client->user->gone) {
        client->user->gone = true;
        prove->tally.unchecked++;
    }
    answered(prove, client, call, answer);
}

const struct scene scene_check = {"check", begin_check, check_answered, NULL};
