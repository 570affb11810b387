/* mayfly-prove, scenes about documents: many writers and readers at once, whose joint result is known. */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum {
    SESSION_PERCENT = 45, /* of the scenes are about session data, the others about profile data */
    KEYLESS_PERCENT = 25, /* of the writes have no Idempotency-Key: nginx's request id has to be enough */
    REPETITIONS = 3,      /* of one write, at once */
    SPREAD_US = 4 * 1000, /* within which what is asked for at once is sent */
};

enum { ROLE_NONE, ROLE_SETTLE };

static const char *any_token(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;

    if (!client->state.profile)
        return user->sessions[client->state.at].token;
    return user->sessions[prove_random_below(prove, user->session_count)].token;
}

static void begin_change(struct prove *prove, struct prove_client *client)
{
    bool profile = prove_random_below(prove, 100) >= SESSION_PERCENT;

    scene_change_begin(client, profile, prove_random_below(prove, client->user->session_count));
}

static void spread(struct prove *prove, struct call *call)
{
    call->not_before_us = prove->now_us + (int64_t)prove_random_below(prove, SPREAD_US);
}

static void add_readers(struct prove *prove, struct prove_client *client, size_t count)
{
    for (size_t i = 0; i < count; i++)
        spread(prove, scene_read(prove, client, any_token(prove, client)));
}

static void digest_of(const struct prove_answer *answer, unsigned char digest[SHA256_BYTES])
{
    struct sha256 hash;

    sha256_init(&hash);
    sha256_add(&hash, answer->etag, strlen(answer->etag));
    sha256_add(&hash, answer->body, answer->length);
    sha256_end(&hash, digest);
}

/* The key was used with another body before. */
static void reused(struct prove *prove, struct prove_client *client, struct call *call,
                   const struct prove_answer *answer)
{
    char words[CALL_WORDS_BYTES];
    struct document_view view = scene_view(prove, client, call, answer, words);
    char name[32];

    call->write->state = WRITE_REFUSED;
    if (answer->status != 200)
        return;
    tally_find(&prove->tally, FINDING_REUSED_KEY, 1, client->user->name,
               "%s: a write with the Idempotency-Key of another one was answered 200: %s", view.what, words);
    snprintf(name, sizeof name, "mark%lld", (long long)(call->write->mark % DOCUMENT_MARKS));
    if (json_integer_value(json_object_get(view.body, name)) == call->write->mark) {
        call->write->state = WRITE_DONE;
        call->write->version = view.version;
    }
}

/* Judges an answer to a write that was answered with success before. */
static void repeated(struct prove *prove, struct prove_client *client, const struct call *call,
                     const struct prove_answer *answer)
{
    unsigned char digest[SHA256_BYTES];
    char words[CALL_WORDS_BYTES];

    digest_of(answer, digest);
    if (answer->status == 200 && memcmp(digest, client->state.digest, sizeof digest) == 0)
        return;
    call_words(prove, call, words);
    if (answer->status == 200)
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                   "a write that was done as version %lld was repeated under its key, and answered with version %s: %s",
                   (long long)call->write->version, answer->etag, words);
    else
        tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                   "a write that was done as version %lld was repeated under its key, and answered %ld: %s",
                   (long long)call->write->version, answer->status, words);
}

void scene_written(struct prove *prove, struct prove_client *client, struct call *call,
                   const struct prove_answer *answer)
{
    struct document_write *write = call->write;
    char words[CALL_WORDS_BYTES];
    struct document_view view = scene_view(prove, client, call, answer, words);

    if (call->state == CALL_UNKNOWN) {
        if (write->state == WRITE_ASKED)
            write->state = WRITE_UNKNOWN;
    } else if (write->forbidden) {
        reused(prove, client, call, answer);
    } else if (write->state == WRITE_DONE) {
        repeated(prove, client, call, answer);
    } else if (answer->status == 200) {
        digest_of(answer, client->state.digest);
        document_acknowledged(&prove->tally, &client->state.change, write, &view);
    } else {
        client->state.refused = true;
        write->state = write->state == WRITE_UNKNOWN ? WRITE_UNKNOWN : WRITE_REFUSED;
        if (!write->ending)
            scene_refused(prove, client, call, answer);
        if (answer->status == 422)
            tally_find(&prove->tally, FINDING_MIXED_UP, 1, client->user->name,
                       "a write under a new Idempotency-Key was taken for another one: %s", words);
    }
}

/* No writer won. A read shows afterwards whether the version that they named was the current one. */
static bool nobody_won(const struct prove_client *client)
{
    const struct document_change *change = &client->state.change;

    for (size_t i = 0; i < change->write_count; i++)
        if (change->writes[i].state != WRITE_REFUSED)
            return false;
    for (size_t i = 0; i < client->call_count; i++)
        if (client->calls[i].write != NULL && client->calls[i].status != 412)
            return false;
    return change->write_count > 0 && change->document->maybe_count == 0;
}

static void judge_rivals(struct prove *prove, const struct prove_client *client, const struct prove_answer *answer)
{
    int64_t version = client->state.change.document->version;

    if (client->state.nobody_won && answer->status == 200 && document_version_of(answer->etag) == version)
        tally_find(&prove->tally, FINDING_REFUSED, 1, client->user->name,
                   "all writers with If-Match \"%lld\", which is the present version, were answered 412",
                   (long long)version);
}

static void answered(struct prove *prove, struct prove_client *client, struct call *call,
                     const struct prove_answer *answer)
{
    if (call->write != NULL) {
        scene_written(prove, client, call, answer);
        return;
    }
    if (call->role == ROLE_SETTLE)
        judge_rivals(prove, client, answer);
    scene_seen(prove, client, call, answer, call->role == ROLE_SETTLE);
}

static void settle(struct prove *prove, struct prove_client *client)
{
    if (client->state.stage++ > 0)
        return;
    scene_read(prove, client, any_token(prove, client))->role = ROLE_SETTLE;
}

/* --- patches of different members: all of them stay */

static void begin_writes(struct prove *prove, struct prove_client *client)
{
    size_t writers = 2 + prove_random_below(prove, 3);

    begin_change(prove, client);
    for (size_t i = 0; i < writers; i++) {
        struct document_write *write = document_write_add(&client->state.change, false);
        struct call *call;

        if (write == NULL)
            break;
        call = scene_write(prove, client, any_token(prove, client), write);
        if (prove_random_below(prove, 100) < KEYLESS_PERCENT)
            call->key[0] = '\0';
        spread(prove, call);
    }
    add_readers(prove, client, 1 + prove_random_below(prove, 2));
}

const struct scene scene_writes = {"writes", begin_writes, answered, settle};

/* --- writers that name the same version: one of them wins */

static void begin_rivals(struct prove *prove, struct prove_client *client)
{
    size_t writers = 2 + prove_random_below(prove, 2);

    begin_change(prove, client);
    for (size_t i = 0; i < writers; i++) {
        struct document_write *write = document_write_add(&client->state.change, true);

        if (write == NULL)
            break;
        scene_write(prove, client, any_token(prove, client), write);
        prove->tally.rivals++;
    }
    add_readers(prove, client, 1);
}

static void settle_rivals(struct prove *prove, struct prove_client *client)
{
    if (client->state.stage == 0)
        client->state.nobody_won = nobody_won(client);
    settle(prove, client);
}

const struct scene scene_rivals = {"rivals", begin_rivals, answered, settle_rivals};

/* --- one write under one key, again and again: it is done once */

static void begin_repeat(struct prove *prove, struct prove_client *client)
{
    struct document_write *write;
    struct call *first = NULL;

    begin_change(prove, client);
    write = document_write_add(&client->state.change, prove_random_below(prove, 2) == 0);
    if (write == NULL)
        return;
    for (size_t i = 0; i < REPETITIONS; i++) {
        struct call *call = scene_write(prove, client, first != NULL ? first->token : any_token(prove, client), write);

        call->also = 0;
        if (first == NULL)
            first = call;
        else
            memcpy(call->key, first->key, sizeof call->key);
        spread(prove, call);
        prove->tally.repetitions += i > 0;
    }
    add_readers(prove, client, 1);
}

static void add_repetition(struct prove *prove, struct prove_client *client, const struct call *first,
                           struct document_write *write, long wanted)
{
    struct call *call = scene_write(prove, client, first->token, write);

    memcpy(call->key, first->key, sizeof call->key);
    memcpy(call->if_match, first->if_match, sizeof call->if_match);
    call->wanted = wanted;
    call->also = 0;
    call->fresh = true;
    prove->tally.repetitions++;
}

/* The same write again, which must be recognised, and another one under its key, which must be refused. */
static void settle_repeat(struct prove *prove, struct prove_client *client)
{
    struct document_change *change = &client->state.change;
    const struct call first = client->calls[0];
    struct document_write *write = change->write_count > 0 ? &change->writes[0] : NULL, *other;
    struct ledger_repetition *kept = &client->user->repetition;

    if (client->state.stage == 0 && write != NULL && write->state == WRITE_DONE) {
        if (client->state.refused)
            tally_find(&prove->tally, FINDING_DONE_TWICE, 1, client->user->name,
                       "of several repetitions of a write under its key some were refused, and one made version %lld",
                       (long long)write->version);
        other = document_write_add(change, false);
        if (other != NULL) {
            other->forbidden = true;
            add_repetition(prove, client, &first, other, 422);
        }
        add_repetition(prove, client, &first, write, 200);
        *kept = (struct ledger_repetition){.kept = true, .profile = client->state.profile};
        memcpy(kept->token, first.token, sizeof kept->token);
        memcpy(kept->key, first.key, sizeof kept->key);
        memcpy(kept->if_match, first.if_match, sizeof kept->if_match);
        memcpy(kept->body, first.body, sizeof kept->body);
        memcpy(kept->digest, client->state.digest, sizeof kept->digest);
        client->state.stage = 1;
        return;
    }
    if (client->state.stage == 0 && write != NULL && write->conditional)
        client->state.nobody_won = nobody_won(client);
    if (client->state.stage < 2)
        scene_read(prove, client, any_token(prove, client))->role = ROLE_SETTLE;
    client->state.stage = 2;
}

static void end_repeat(struct prove *prove, struct prove_client *client)
{
    if (client->state.stage < 2)
        settle_repeat(prove, client);
}

const struct scene scene_repeat = {"repetitions", begin_repeat, answered, end_repeat};
