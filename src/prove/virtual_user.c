#include "prove/virtual_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THINK_US = 30 * 1000, /* between two visits, on average */
    IDLE_US = 20 * 1000,
    TURN_BYTES = 24,
    PASSWORD_BYTES = 64,
    PEER_BYTES = 64,
};

/* --- Visits */

static bool set(struct visit *visit, const char *name, const char *value, struct err *err)
{
    return variables_set(&visit->variables, name, value, strlen(value), err);
}

static bool set_variables(const struct prove *prove, const struct virtual_user *user, struct visit *visit,
                          struct err *err)
{
    const struct virtual_users *all = prove->virtual_users;
    char turn[TURN_BYTES], number[TURN_BYTES], password[PASSWORD_BYTES];

    snprintf(turn, sizeof turn, "%zu", user->visit_count + 1);
    snprintf(number, sizeof number, "%zu", user->number + 1);
    ledger_password(prove->secret, (int64_t)user->visit_count, password, sizeof password);
    if (!set(visit, "url", all->url, err) || !set(visit, "user", visit->user, err) ||
        !set(visit, "password", password, err) || !set(visit, "turn", turn, err) ||
        !set(visit, "number", number, err) || !set(visit, "run", prove->run, err))
        return false;
    for (size_t i = 0; i < all->given_count; i++)
        if (!set(visit, all->given[2 * i], all->given[2 * i + 1], err))
            return false;
    return true;
}

static bool begin_visit(const struct prove *prove, struct virtual_user *user, struct err *err)
{
    struct visit *visit = &user->visits[user->visit_count];

    *visit = (struct visit){.next = STAILQ_FIRST(&prove->virtual_users->scenario->entries),
                            .stops = user->visit_count % 2 == 0,
                            .jar = strdup("")};
    snprintf(visit->user, sizeof visit->user, "prove-%s-%zu-%zu", prove->run, user->number + 1, user->visit_count + 1);
    if (visit->jar == NULL)
        return err_memory(err);
    if (!set_variables(prove, user, visit, err))
        return false;
    user->visit_count++;
    user->visit = visit;
    user->task = TASK_GO_ON;
    return true;
}

static void look_at(const struct prove *prove, struct virtual_user *user, struct visit *visit)
{
    user->visit = visit;
    user->task = TASK_LOOK;
    user->at = STAILQ_FIRST(&prove->virtual_users->scenario->entries);
}

/* So many have begun by now when they are spread evenly. */
static size_t visits_due(const struct virtual_users *all, int64_t now_us)
{
    int64_t due = 1 + (now_us - all->began_us) * VISITS_MAX / (all->load_us > 0 ? all->load_us : 1);

    return due < VISITS_MAX ? (size_t)due : VISITS_MAX;
}

static struct visit *unfinished(const struct virtual_user *user)
{
    for (size_t i = 0; i < user->visit_count; i++)
        if (user->visits[i].next != NULL)
            return (struct visit *)&user->visits[i];
    return NULL;
}

/* False: there is none at the moment, or err is set. */
static bool choose_visit(struct prove *prove, struct virtual_user *user, int64_t now_us, struct err *err)
{
    if (user->looks && user->looked < user->visit_count) {
        look_at(prove, user, &user->visits[user->looked++]);
        return true;
    }
    user->looks = false;
    if (prove->phase == PHASE_CLEAN) {
        user->visit = unfinished(user);
        user->task = TASK_GO_ON;
        return user->visit != NULL;
    }
    if (prove->phase != PHASE_LOAD)
        return false;
    if (user->visit_count < visits_due(prove->virtual_users, now_us))
        return begin_visit(prove, user, err);
    if (user->visit_count > 0)
        look_at(prove, user, &user->visits[prove_random_below(prove, user->visit_count)]);
    return user->visit != NULL;
}

static bool undoes(const struct scenario_entry *entry)
{
    const struct scenario_part *part;

    STAILQ_FOREACH(part, &entry->parts, next)
    if (part->kind == SCENARIO_UNDOES)
        return true;
    return false;
}

/* The next request of the visit. False: it is over, or stops here. */
static bool choose_entry(const struct prove *prove, struct virtual_user *user)
{
    struct visit *visit = user->visit;
    const struct scenario_entry *entry;
    bool must_be = true;

    if (user->task == TASK_GO_ON) {
        entry = visit->next;
        if (entry == NULL || (visit->stops && undoes(entry) && prove->phase != PHASE_CLEAN))
            return false;
        visit->next = STAILQ_NEXT(entry, next);
    } else {
        while (user->at != NULL && !visit_asks(prove->virtual_users->scenario, visit, user->at, &must_be))
            user->at = STAILQ_NEXT(user->at, next);
        entry = user->at;
        if (entry == NULL)
            return false;
        user->at = STAILQ_NEXT(entry, next);
    }
    user->exchange = (struct exchange){.entry = entry, .must_be = must_be};
    return true;
}

static bool choose(struct prove *prove, struct virtual_user *user, int64_t now_us, struct err *err)
{
    for (;;) {
        if (user->visit == NULL && !choose_visit(prove, user, now_us, err))
            return false;
        if (choose_entry(prove, user))
            return true;
        user->visit = NULL;
        if (!user->looks) {
            user->not_before_us = now_us + prove_random_around(prove, THINK_US);
            return false;
        }
    }
}

/* --- Requests */

/* To the next copy, when there are copies. */
static bool address(struct prove *prove, struct virtual_user *user, struct prove_request *request)
{
    struct copies *copies = prove->virtual_users->copies;
    char *peer;

    if (copies == NULL)
        return true;
    user->exchange.copy = user->exchange.unsent > 0 ? copies_other(copies, user->exchange.copy) : copies_next(copies);
    peer = arena_alloc(&user->arena, PEER_BYTES);
    if (peer == NULL)
        return false;
    copies_peer(copies, user->exchange.copy, peer, PEER_BYTES);
    request->peer = peer;
    return true;
}

/*
 * A request that can't be made is left out when a variable has no value: what would have given it was answered
 * otherwise.
 */
static bool send(struct prove *prove, struct virtual_user *user, int64_t now_us, struct err *err)
{
    const struct virtual_users *all = prove->virtual_users;
    struct exchange *exchange = &user->exchange;
    struct prove_request request;
    struct err why = {.kind = ERR_NONE};

    arena_reset(&user->arena);
    if (!scenario_request_make(exchange->entry, &user->visit->variables, all->url, all->folder, prove->secret,
                               &user->arena, &request, &why)) {
        if (why.kind != ERR_ABSENT)
            tally_find(&prove->tally, FINDING_WRONG_ANSWER, 1, user->visit->user, "line %d is not sent: %.200s",
                       exchange->entry->place.line, why.detail);
        exchange->entry = NULL;
        return true;
    }
    request.jar = exchange->must_be || user->visit->ended_jar == NULL ? user->visit->jar : user->visit->ended_jar;
    request.fresh = exchange->probes > 0 || prove_random_below(prove, 2) == 0;
    request.timeout_s = prove->virtual_users->timeout_s;
    if (!address(prove, user, &request))
        return err_memory(err);
    exchange->url = request.url;
    prove->tally.dead_asked += !exchange->must_be;
    if (exchange->tries++ == 0)
        exchange->first_us = now_us;
    exchange->under_way = true;
    return prove_http_send(prove->http, user->number, &request, err);
}

static void enter_phase(struct virtual_user *user, enum prove_phase phase)
{
    user->phase = phase;
    user->looks = phase == PHASE_CHECK;
    user->looked = 0;
}

static bool go(struct prove *prove, size_t number, int64_t now_us, struct err *err)
{
    struct virtual_user *user = user_at(prove, number);
    struct virtual_users *all = prove->virtual_users;

    prove->now_us = now_us;
    if (user->phase != prove->phase)
        enter_phase(user, prove->phase);
    if (prove->phase == PHASE_LOAD && all->began_us == 0)
        all->began_us = now_us;
    if (user->exchange.under_way || now_us < user->not_before_us)
        return true;
    if (user->exchange.entry == NULL && !choose(prove, user, now_us, err)) {
        if (user->not_before_us <= now_us)
            user->not_before_us = now_us + IDLE_US;
        return err->kind == ERR_NONE;
    }
    return send(prove, user, now_us, err);
}

static int64_t due_us(const struct prove *prove, size_t number, int64_t now_us)
{
    const struct virtual_user *user = user_at(prove, number);

    if (user->exchange.under_way)
        return now_us + IDLE_US;
    return user->not_before_us > now_us ? user->not_before_us : now_us;
}

static bool none_left(const struct prove *prove, size_t number)
{
    const struct virtual_user *user = user_at(prove, number);

    if (user->exchange.entry != NULL || user->visit != NULL)
        return false;
    switch (prove->phase) {
    case PHASE_LOAD:
        return false;
    case PHASE_CHECK:
        return user->phase == PHASE_CHECK && (!user->looks || user->looked == user->visit_count);
    case PHASE_CLEAN:
        return unfinished(user) == NULL;
    case PHASE_PREPARE:
    case PHASE_STOP:
        break;
    }
    return true;
}

static int64_t finished_us(const struct prove *prove, size_t number)
{
    return user_at(prove, number)->finished_us;
}

static void ask(struct prove *prove)
{
    for (size_t i = 0; i < prove->client_count; i++) {
        user_at(prove, i)->looks = true;
        user_at(prove, i)->looked = 0;
    }
}

static bool asked(const struct prove *prove)
{
    for (size_t i = 0; i < prove->client_count; i++)
        if (user_at(prove, i)->looks)
            return false;
    return true;
}

const struct play virtual_users_play = {
    .go = go,
    .due_us = due_us,
    .answer = virtual_user_answer,
    .none_left = none_left,
    .finished_us = finished_us,
    .ask = ask,
    .asked = asked,
};
