#include "prove/client.h"

#include "prove/play.h"
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>

enum {
    /*
     * After this time a request is given up; it is then not known whether it was done. Longer than any outage in a
     * proof.
     */
    PATIENCE_US = 180 * 1000000,
    THINK_US = 10 * 1000, /* between two scenes of a client, on average */
    AGAIN_US = 80 * 1000, /* before a repetition, on average */
    LIMITED_US = 1000 * 1000,
    IDLE_US = 20 * 1000,
};

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

int64_t prove_during_rename(struct prove *prove)
{
    return prove->rename_us / 8 + (int64_t)prove_random_below(prove, (size_t)prove->rename_us + 1);
}

static bool pending(const struct prove_client *client)
{
    for (size_t i = 0; i < client->call_count; i++)
        if (client->calls[i].state == CALL_WAITING || client->calls[i].state == CALL_UNDER_WAY)
            return true;
    return false;
}

static void remove_lost_sessions(struct ledger_user *user)
{
    for (size_t i = user->session_count; i > 0; i--)
        if (user->sessions[i - 1].lost)
            ledger_session_remove(user, i - 1);
}

/* Nothing is under way: the scene continues or ends. */
static void settle(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    if (client->scene->settle != NULL)
        client->scene->settle(prove, client);
    if (pending(client))
        return;
    client->scene = NULL;
    client->not_before_us = now_us + prove_random_around(prove, THINK_US);
    remove_lost_sessions(client->user);
}

static bool begin(struct prove *prove, struct prove_client *client, int64_t now_us)
{
    client->scene = scene_choose(prove, client, now_us);
    if (client->scene == NULL)
        return false;
    client->state = (struct scene_state){.stage = 0};
    document_change_begin(&client->state.change, NULL);
    client->call_count = 0;
    client->scene->begin(prove, client);
    return true;
}

static bool free_lane(const struct prove_client *client, size_t *lane)
{
    for (*lane = 0; *lane < PROVE_LANES; ++*lane)
        if (client->lanes[*lane] == NULL)
            return true;
    return false;
}

static bool client_go(struct prove *prove, struct prove_client *client, int64_t now_us, struct err *err)
{
    size_t lane;

    prove->now_us = now_us;
    if (client->scene == NULL && (now_us < client->not_before_us || !begin(prove, client, now_us))) {
        if (now_us >= client->not_before_us)
            client->not_before_us = now_us + prove_random_around(prove, THINK_US);
        return true;
    }
    for (size_t i = 0; i < client->call_count && free_lane(client, &lane); i++) {
        struct call *call = &client->calls[i];

        if (call->state != CALL_WAITING || now_us < call->not_before_us ||
            (call_is_heavy(call) && !call_heavy_allowed(prove, now_us, 1)))
            continue;
        if (!call_send(prove, client, lane, call, now_us, err))
            return false;
    }
    if (!pending(client))
        settle(prove, client, now_us);
    return true;
}

static int64_t client_due_us(const struct prove_client *client, int64_t now_us)
{
    int64_t due_us = now_us + IDLE_US;

    if (client->scene == NULL)
        return client->not_before_us < due_us ? client->not_before_us : due_us;
    for (size_t i = 0; i < client->call_count; i++)
        if (client->calls[i].state == CALL_WAITING && client->calls[i].not_before_us > now_us &&
            client->calls[i].not_before_us < due_us)
            due_us = client->calls[i].not_before_us;
    return due_us;
}

/* --- answers */

/* The site accepts no registration, so nothing can be proven. */
static bool closed_site(const struct prove_client *client, const struct call *call, const struct prove_answer *answer,
                        struct err *err)
{
    return call->kind == CALL_REGISTER && !client->user->registered && call->state == CALL_ANSWERED &&
           !call_key_refused(answer) &&
           !err_set(err, ERR_INPUT, "accounts can't be made: POST /register answers %ld %.150s", answer->status,
                    answer->body);
}

static bool right(const struct call *call, long status)
{
    return status == call->wanted || (call->also != 0 && status == call->also);
}

static bool try_again(const struct prove_answer *answer)
{
    return answer->status == 0 || answer->status >= 500 || answer->status == 429;
}

static enum tally_verdict verdict_of(const struct call *call, const struct prove_answer *answer)
{
    if (right(call, answer->status))
        return VERDICT_GOOD;
    return answer->status == 429 ? VERDICT_LIMITED : VERDICT_FAILED;
}

/* Without a key the site can't tell a repetition from a second request. */
static bool unrepeatable(const struct call *call, const struct prove_answer *answer)
{
    bool write = call->kind == CALL_WRITE_SESSION || call->kind == CALL_WRITE_PROFILE;

    return write && call->key[0] == '\0' && answer->status != 429;
}

/* Whether this is an account that was never made, when all are being closed. */
static bool needless(const struct prove *prove, const struct call *call, const struct prove_answer *answer)
{
    return prove->phase == PHASE_CLEAN && call->kind == CALL_REGISTER && call->troubled == NULL &&
           answer->status == 429;
}

static void note(struct prove *prove, struct prove_client *client, struct call *call, const struct prove_answer *answer)
{
    struct ledger_session *session = ledger_session_of(client->user, call->token);

    call->status = answer->status;
    call->replayed = answer->replayed;
    memcpy(call->worker, answer->worker, sizeof call->worker);
    memcpy(call->request, answer->request, sizeof call->request);
    if (session != NULL && call_is_ordinary(call) && !try_again(answer))
        route_note(&prove->tally, &prove->site, &session->path, client->user->name, answer->worker);
}

/* Sets the call's state. Returns false when it has to be sent again. */
static bool decide(struct prove *prove, struct prove_client *client, struct call *call,
                   const struct prove_answer *answer, int64_t now_us)
{
    if (!try_again(answer) || right(call, answer->status)) {
        call->state = CALL_ANSWERED;
        client->finished_us = call->first_us > client->finished_us ? call->first_us : client->finished_us;
        if (right(call, answer->status))
            tally_done(&prove->tally, call->troubled, now_us - call->first_us, now_us);
        return true;
    }
    call->state = CALL_WAITING;
    if (unrepeatable(call, answer) || needless(prove, call, answer) || prove->phase == PHASE_STOP ||
        now_us - call->first_us > PATIENCE_US)
        call->state = CALL_UNKNOWN;
    call->not_before_us = now_us + prove_random_around(prove, answer->status == 429 ? LIMITED_US : AGAIN_US);
    return call->state == CALL_UNKNOWN;
}

static bool client_answer(struct prove *prove, struct prove_client *client, size_t lane,
                          const struct prove_answer *answer, int64_t now_us, struct err *err)
{
    struct call *call = client->lanes[lane];
    enum tally_verdict verdict = verdict_of(call, answer);
    bool goes_on = true;

    prove->now_us = now_us;
    client->lanes[lane] = NULL;
    call->answered_us = now_us;
    tally_answer(&prove->tally, answer, verdict, call_name(call), call->tries > 1, now_us);
    if (verdict == VERDICT_FAILED && call->troubled == NULL)
        call->troubled = tally_event(&prove->tally);
    note(prove, client, call, answer);
    if (decide(prove, client, call, answer, now_us)) {
        client->scene->answered(prove, client, call, answer);
        goes_on = right(call, answer->status) || !closed_site(client, call, answer, err);
        if (!pending(client))
            settle(prove, client, now_us);
    }
    arena_reset(&prove->scratch);
    return goes_on;
}

/* --- as the run asks for it */

static bool go(struct prove *prove, size_t number, int64_t now_us, struct err *err)
{
    return client_go(prove, &prove->clients[number], now_us, err);
}

static int64_t due_us(const struct prove *prove, size_t number, int64_t now_us)
{
    return client_due_us(&prove->clients[number], now_us);
}

/* The site may accept no registration; the run can't continue then. */
static bool take_answer(struct prove *prove, size_t slot, const struct prove_answer *answer, int64_t now_us,
                        struct err *err)
{
    return client_answer(prove, &prove->clients[slot / PROVE_LANES], slot % PROVE_LANES, answer, now_us, err);
}

static bool none_left(const struct prove *prove, size_t number)
{
    return scene_none_left(prove, &prove->clients[number]);
}

static int64_t finished_us(const struct prove *prove, size_t number)
{
    return prove->clients[number].finished_us;
}

const struct play clients_play = {
    .go = go, .due_us = due_us, .answer = take_answer, .none_left = none_left, .finished_us = finished_us};
