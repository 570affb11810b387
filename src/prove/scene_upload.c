/* mayfly-prove, an upload: sometimes three times at once under one key, which makes one file. */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum { REPETITIONS = 3 };

static void begin(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;
    const char *token = user->sessions[prove_random_below(prove, user->session_count)].token;
    size_t times = prove_random_below(prove, 2) == 0 ? REPETITIONS : 1;
    struct call *first = NULL;

    client->length = 1 + prove_random_below(prove, LEDGER_FILE_MAX_BYTES);
    for (size_t i = 0; i < client->length; i++)
        client->bytes[i] = (char)(prove_random(prove) >> 40);
    sha256_of(client->bytes, client->length, client->state.digest);
    for (size_t i = 0; i < times; i++) {
        struct call *call = call_add(prove, client, CALL_UPLOAD, token);

        if (first == NULL)
            first = call;
        memcpy(call->key, first->key, sizeof call->key);
        snprintf(call->path, sizeof call->path, "/upload?name=%.30s.bin", call->key);
        call->bytes = client->bytes;
        call->length = client->length;
        prove->tally.repetitions += i > 0;
    }
}

/* The id must not lead to another path. */
static bool plain_id(const char *id)
{
    return id != NULL && id[0] != '\0' && strlen(id) < LEDGER_ID_BYTES &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == strlen(id);
}

static void uploaded(struct prove *prove, struct prove_client *client, const struct call *call,
                     const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    json_t *body = scene_body(prove, answer);
    const char *id = json_string_value(json_object_get(body, "id"));
    const char *said = json_string_value(json_object_get(body, "sha256"));
    char hex[SHA256_HEX_BYTES], words[CALL_WORDS_BYTES];

    sha256_hex(client->state.digest, hex);
    call_words(prove, call, words);
    if (!plain_id(id) || said == NULL || strcmp(said, hex) != 0) {
        tally_find(&prove->tally, FINDING_LOST_FILE, 1, user->name,
                   "an upload of %zu bytes was acknowledged with another SHA-256: %s", client->length, words);
        user->files_unknown++;
    } else if (client->state.id[0] == '\0') {
        struct ledger_file *file = &user->files[user->file_count++];

        *file = (struct ledger_file){.size = client->length};
        memcpy(file->digest, client->state.digest, sizeof file->digest);
        snprintf(file->id, sizeof file->id, "%s", id);
        snprintf(client->state.id, sizeof client->state.id, "%s", id);
        prove->tally.acknowledged++;
    } else if (strcmp(client->state.id, id) != 0) {
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, user->name,
                   "an upload was repeated under its key, and made a second file: %s", words);
        user->files_unknown++;
    }
}

static void answered(struct prove *prove, struct prove_client *client, struct call *call,
                     const struct prove_answer *answer)
{
    if (call->kind == CALL_LIST_FILES)
        scene_listed(prove, client, call, answer);
    else if (call->state == CALL_UNKNOWN)
        client->user->files_unknown++;
    else if (answer->status == 201)
        uploaded(prove, client, call, answer);
    else
        scene_refused(prove, client, call, answer);
}

static void settle(struct prove *prove, struct prove_client *client)
{
    if (client->state.stage++ == 0)
        call_add(prove, client, CALL_LIST_FILES, client->calls[0].token);
}

const struct scene scene_upload = {"upload", begin, answered, settle};
