/* mayfly-prove, the virtual users of a scenario: their answers, and when a request is sent again. */
#include "prove/virtual_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Of the time that a request may wait; afterwards it is given up, and not known whether it was done. */
    GIVE_UP_TIMES = 3,
    AGAIN_US = 80 * 1000, /* before a repetition, on average */
    LIMITED_US = 1000 * 1000,
    STATUS_LIMITED = 429,
};

static bool is_outage(const struct scenario *scenario, const struct prove_answer *answer)
{
    static const int usual[] = {502, 503, 504};
    const int *statuses = scenario->outage_count > 0 ? scenario->outage : usual;
    size_t count = scenario->outage_count > 0 ? scenario->outage_count : sizeof usual / sizeof usual[0];

    if (answer->status == 0)
        return !answer->is_nonsense;
    for (size_t i = 0; i < count; i++)
        if (answer->status == statuses[i])
            return true;
    return answer->status == STATUS_LIMITED;
}

static bool is_safe(const struct scenario_entry *entry)
{
    return strcmp(entry->method, "GET") == 0 || strcmp(entry->method, "HEAD") == 0 ||
           strcmp(entry->method, "OPTIONS") == 0;
}

bool virtual_user_may_repeat(const struct exchange *exchange)
{
    return exchange->entry->may_repeat || is_safe(exchange->entry);
}

/* Nobody knows whether it was done. */
static void give_up(struct virtual_user *user)
{
    const struct scenario_part *part;

    STAILQ_FOREACH(part, &user->exchange.entry->parts, next)
    {
        struct effect *effect = &user->visit->effects[part->number];

        if ((part->kind == SCENARIO_ACKNOWLEDGES && effect->state == EFFECT_NONE) ||
            (part->kind == SCENARIO_UNDOES && effect->state == EFFECT_ACKNOWLEDGED))
            effect->state = EFFECT_UNKNOWN;
    }
    if (user->task == TASK_GO_ON) {
        user->visit->is_vague = true;
        user->visit->next = NULL;
    }
    user->exchange.entry = NULL;
}

static void failed(struct prove *prove, struct virtual_user *user, const struct prove_answer *answer, int64_t now_us)
{
    struct exchange *exchange = &user->exchange;
    bool limited = answer->status == STATUS_LIMITED, repeats;

    tally_answer(&prove->tally, answer, limited ? VERDICT_LIMITED : VERDICT_FAILED, exchange->words,
                 exchange->tries > 1, now_us);
    if (!limited && exchange->troubled == NULL)
        exchange->troubled = tally_event(&prove->tally);
    repeats = answer->unsent || limited || virtual_user_may_repeat(exchange);
    virtual_user_waited(prove, user, now_us, false);
    if (!repeats || now_us - exchange->first_us > GIVE_UP_TIMES * prove->virtual_users->patience_us ||
        prove->phase == PHASE_STOP)
        give_up(user);
    user->not_before_us = now_us + prove_random_around(prove, limited ? LIMITED_US : AGAIN_US);
}

static void describe(const struct prove *prove, struct virtual_user *user, const struct prove_answer *answer,
                     int64_t now_us)
{
    struct exchange *exchange = &user->exchange;
    const char *path = strstr(exchange->url, "://");
    bool has_request = answer->request[0] != '\0', has_worker = answer->worker[0] != '\0';
    int used;

    path = path != NULL ? strchr(path + 3, '/') : NULL;
    used =
        snprintf(exchange->words, sizeof exchange->words, "%.8s %.48s (%s%.32s%s%.32s%sat %.3f s)",
                 exchange->entry->method, path != NULL ? path : "/", has_request ? "request " : "", answer->request,
                 has_request && has_worker ? " by "
                 : has_worker              ? "by "
                                           : "",
                 answer->worker, has_request || has_worker ? ", " : "", (double)(now_us - prove->tally.began_us) / 1e6);
    if (used < 0)
        exchange->words[0] = '\0';
}

/* An answer without a name is that of the copy to which the request was sent. */
bool virtual_user_answer(struct prove *prove, size_t slot, const struct prove_answer *given, int64_t now_us,
                         struct err *err)
{
    struct virtual_user *user = user_at(prove, slot);
    struct copies *copies = prove->virtual_users->copies;
    struct exchange *exchange = &user->exchange;
    struct prove_answer answer = *given;

    (void)err;
    prove->now_us = now_us;
    exchange->under_way = false;
    user->not_before_us = now_us;
    if (copies != NULL) {
        copies_done(copies, exchange->copy);
        if (prove->virtual_users->scenario->worker_header == NULL && !answer.unsent)
            copies_name(copies, exchange->copy, answer.worker, sizeof answer.worker);
        /* A round robin goes to the next one when there is no connection. */
        if (answer.unsent && ++exchange->unsent < copies_count(copies)) {
            exchange->tries--;
            free(answer.jar);
            return true;
        }
    }
    exchange->unsent = 0;
    describe(prove, user, &answer, now_us);
    if (is_outage(prove->virtual_users->scenario, &answer)) {
        failed(prove, user, &answer, now_us);
        free(answer.jar);
        return true;
    }
    if (exchange->first_us > user->finished_us)
        user->finished_us = exchange->first_us;
    virtual_user_judge(prove, user, &answer, now_us);
    return true;
}
