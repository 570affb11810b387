#include "bin/prove_client.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "bin/prove_choice.h"

#include <stdio.h>
#include <string.h>

enum {
    /* After that a request is given up; whether it was done is then not known. Longer than any sane outage in a proof. */
    PATIENCE_US = 180 * 1000000,
    THINK_US = 12 * 1000, /* between two requests of a client, on average */
    AGAIN_US = 80 * 1000, /* before a repetition, on average */
    LIMITED_US = 1000 * 1000,
};

bool client_go(struct prove *prove, struct prove_client *client, int64_t now_us, struct err *err)
{
    const struct action *action;
    struct prove_request request = {.method = NULL};
    unsigned char key[(PROVE_KEY_BYTES - 1) / 2];

    if (client->under_way || now_us < client->not_before_us)
        return true;
    if (client->action == ACTION_NONE) {
        if (!choice_make(prove, client, now_us)) {
            client->not_before_us = now_us + prove_random_around(prove, THINK_US);
            return true;
        }
        random_bytes(key, sizeof key);
        bytes_to_hex(key, sizeof key, client->key);
        client->tries = 0;
        client->first_us = now_us;
        client->troubled = NULL;
        client->length = 0;
    }
    action = action_of(client->action);
    request.method = action->method;
    snprintf(client->path, sizeof client->path, "%s", action->path);
    if (action->session)
        request.token = action_session(client)->token;
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

    if (!action_of(client->action)->session || answer->worker[0] == '\0')
        return;
    session = action_session(client);
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
    client->not_before_us = now_us + prove_random_around(prove, THINK_US);
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
    if (action_of(client->action)->unknown != NULL)
        action_of(client->action)->unknown(prove, client);
    late_trouble(prove, client->user, LATE_TROUBLES);
    finish(prove, client, now_us);
}

/* An account that the site never began to make, once all are to be closed. */
static bool needless(const struct prove *prove, const struct prove_client *client, const struct prove_answer *answer)
{
    return prove->phase == PHASE_CLEAN && client->action == ACTION_REGISTER && client->troubled == NULL &&
           answer->status == 429;
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
    const struct action *action = action_of(client->action);
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
    } else if (needless(prove, client, answer)) {
        finish(prove, client, now_us);
    } else if (prove->phase == PHASE_STOP || now_us - client->first_us > PATIENCE_US) {
        give_up(prove, client, now_us);
    } else {
        client->not_before_us = now_us + prove_random_around(prove, answer->status == 429 ? LIMITED_US : AGAIN_US);
    }
    arena_reset(&prove->scratch);
    return goes_on;
}
