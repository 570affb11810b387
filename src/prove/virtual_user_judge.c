/* mayfly-prove, the virtual users of a scenario: which effects an answer shows to be there, lost, doubled or back. */
#include "prove/virtual_user.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATED_ONE_IN = 4, STATUS_REDIRECT = 300, STATUS_BAD = 400 };

static const char *const kind_words[] = {
    [SCENARIO_SESSION] = "session",
    [SCENARIO_WRITE] = "write",
    [SCENARIO_UPLOAD] = "upload",
};

/* "upload" or "write cart" */
static void effect_words(const struct scenario_effect *effect, char *words, size_t size)
{
    const char *kind = kind_words[effect->kind];

    snprintf(words, size, strcmp(kind, effect->name) == 0 ? "%s" : "%s %s", kind, effect->name);
}

static void over(struct virtual_user *user)
{
    user->exchange.entry = NULL;
}

/* Sends it once more; all counting of time goes on. */
static void again(struct virtual_user *user)
{
    user->exchange.under_way = false;
}

void virtual_user_waited(struct prove *prove, struct virtual_user *user, int64_t now_us, bool is_answered)
{
    const struct exchange *exchange = &user->exchange;
    struct event *event = exchange->troubled != NULL ? exchange->troubled : tally_event(&prove->tally);
    int64_t took_us = now_us - exchange->first_us;

    if (is_answered)
        tally_done(&prove->tally, exchange->troubled, took_us, now_us);
    if (took_us <= prove->virtual_users->patience_us || event->unavailable)
        return;
    event->unavailable = true;
    tally_find_at(&prove->tally, FINDING_UNAVAILABLE, event, exchange->words, "", user->visit->user,
                  "%s has waited for %.1f s, longer than %lld s", exchange->words, (double)took_us / 1e6,
                  (long long)(prove->virtual_users->patience_us / 1000000));
}

static void find(struct prove *, struct virtual_user *, enum finding_kind, const char *format, ...) PRINTF_LIKE(4, 5);

static void find(struct prove *prove, struct virtual_user *user, enum finding_kind kind, const char *format, ...)
{
    const struct exchange *exchange = &user->exchange;
    char text[TALLY_FINDING_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tally_find_at(&prove->tally, kind, tally_event(&prove->tally), exchange->words, exchange->worker, user->visit->user,
                  "%s", text);
}

/* --- Right answers */

static void keep_cookies(struct virtual_user *user, struct prove_answer *answer)
{
    if (answer->jar == NULL)
        return;
    free(user->visit->jar);
    user->visit->jar = answer->jar;
    answer->jar = NULL;
}

static void note_part(struct prove *prove, struct virtual_user *user, const struct scenario_part *part)
{
    struct effect *effect = &user->visit->effects[part->number];
    bool begins = part->kind == SCENARIO_ACKNOWLEDGES && effect->state == EFFECT_NONE;
    bool ends = part->kind == SCENARIO_UNDOES && effect->state == EFFECT_ACKNOWLEDGED;

    if (part->kind == SCENARIO_SHOWS && effect->state == EFFECT_ACKNOWLEDGED)
        prove->tally.checked += prove->phase == PHASE_CHECK;
    if (!begins && !ends)
        return;
    effect->state = begins ? EFFECT_ACKNOWLEDGED : EFFECT_UNDONE;
    memcpy(effect->said, user->exchange.words, sizeof effect->said);
    prove->tally.acknowledged += begins;
    if (ends && part->effect == SCENARIO_SESSION && user->visit->ended_jar == NULL)
        user->visit->ended_jar = strdup(user->visit->jar);
}

static bool acknowledges(const struct scenario_entry *entry)
{
    const struct scenario_part *part;

    STAILQ_FOREACH(part, &entry->parts, next)
    if (part->kind == SCENARIO_ACKNOWLEDGES)
        return true;
    return false;
}

/* A process that was started again has another name, so only answers within one event are compared. */
static void note_route(struct prove *prove, struct visit *visit, const char *worker)
{
    const struct event *event = tally_event(&prove->tally);

    if (prove->virtual_users->routed != event)
        prove->site.first[0] = '\0';
    if (visit->routed != event)
        visit->path = (struct route_path){.found = visit->path.found};
    prove->virtual_users->routed = visit->routed = event;
    route_note(&prove->tally, &prove->site, &visit->path, visit->user, worker);
}

static void answered_right(struct prove *prove, struct virtual_user *user, struct prove_answer *answer,
                           const struct scenario_answer *seen)
{
    struct exchange *exchange = &user->exchange;
    const struct scenario_part *part;
    struct scenario_wrong wrong;

    STAILQ_FOREACH(part, &exchange->entry->parts, next)
    note_part(prove, user, part);
    keep_cookies(user, answer);
    note_route(prove, user->visit, answer->worker);
    if (!scenario_answer_capture(exchange->entry, seen, &user->visit->variables, &user->arena, &wrong))
        find(prove, user, FINDING_WRONG_ANSWER, "%s: %s", exchange->words, wrong.why);
    if (exchange->entry->may_repeat && !exchange->is_repeated && user->task == TASK_GO_ON &&
        acknowledges(exchange->entry) && prove_random_below(prove, REPEATED_ONE_IN) == 0) {
        prove->tally.repetitions++;
        *exchange = (struct exchange){.entry = exchange->entry, .must_be = true, .is_repeated = true};
        return;
    }
    over(user);
}

/* --- Effects that were undone and are there again */

static void is_back(struct prove *prove, struct virtual_user *user)
{
    const struct scenario_effect *which;
    struct effect *effect =
        visit_shown(prove->virtual_users->scenario, user->visit, user->exchange.entry, EFFECT_UNDONE, &which);
    char words[SCENARIO_NAME_BYTES_MAX + 16];

    if (effect == NULL)
        return;
    effect->found = true;
    effect_words(which, words, sizeof words);
    find(prove, user, which->kind == SCENARIO_SESSION ? FINDING_REVIVED_SESSION : FINDING_REVIVED_EFFECT,
         "%s was undone by %s, and is shown by %s", words, effect->said, user->exchange.words);
}

/* --- Wrong answers */

static bool is_refusal(const struct scenario_entry *entry, long status)
{
    bool wants_redirect = entry->status >= STATUS_REDIRECT && entry->status < STATUS_BAD;

    return status == 401 || status == 403 || (status >= STATUS_REDIRECT && status < STATUS_BAD && !wants_redirect);
}

static void conclude(struct prove *prove, struct virtual_user *user)
{
    static const enum finding_kind lost[] = {
        [SCENARIO_SESSION] = FINDING_LOST_SESSION,
        [SCENARIO_WRITE] = FINDING_LOST_WRITE,
        [SCENARIO_UPLOAD] = FINDING_LOST_UPLOAD,
    };
    struct exchange *exchange = &user->exchange;
    struct effect *effect = &user->visit->effects[exchange->stake];
    const struct scenario_effect *which = &prove->virtual_users->scenario->effects[exchange->stake];
    enum finding_kind kind = lost[which->kind];
    char words[SCENARIO_NAME_BYTES_MAX + 16], further[64] = "";

    if (which->kind == SCENARIO_WRITE && exchange->good > 0)
        kind = FINDING_STALE_CACHE;
    if (exchange->probes > 1)
        snprintf(further, sizeof further, "; asked again: %d of %d have it", exchange->good, exchange->probes - 1);
    effect->found = true;
    effect_words(which, words, sizeof words);
    memcpy(exchange->words, exchange->first_words, sizeof exchange->words);
    find(prove, user, kind, "%s: %s; %s: %.110s%s", words, effect->said, exchange->first_words, exchange->wrong,
         further);
    over(user);
}

/* The number of the effect that a wrong answer may show to be lost. False: there is none. */
static bool is_at_stake(struct prove *prove, struct virtual_user *user, long status, size_t *number)
{
    const struct scenario *scenario = prove->virtual_users->scenario;
    const struct scenario_effect *which;
    struct effect *session = visit_session(scenario, user->visit);
    struct effect *effect = session != NULL && is_refusal(user->exchange.entry, status)
                                ? session
                                : visit_shown(scenario, user->visit, user->exchange.entry, EFFECT_ACKNOWLEDGED, &which);

    if (effect == NULL)
        return false;
    *number = (size_t)(effect - user->visit->effects);
    return true;
}

static bool shows(const struct scenario_entry *entry)
{
    const struct scenario_part *part;

    STAILQ_FOREACH(part, &entry->parts, next)
    if (part->kind == SCENARIO_SHOWS)
        return true;
    return false;
}

static void is_doubled(struct prove *prove, struct virtual_user *user, struct effect *effect,
                       const struct scenario_effect *which, const char *why)
{
    char words[SCENARIO_NAME_BYTES_MAX + 16];

    effect->found = true;
    effect_words(which, words, sizeof words);
    find(prove, user, FINDING_DOUBLED, "%s: %s; %s: %.110s", words, effect->said, user->exchange.words, why);
    over(user);
}

static void answered_wrong(struct prove *prove, struct virtual_user *user, long status,
                           const struct scenario_wrong *wrong)
{
    const struct scenario *scenario = prove->virtual_users->scenario;
    struct exchange *exchange = &user->exchange;
    const struct scenario_effect *which;
    struct effect *shown = visit_shown(scenario, user->visit, exchange->entry, EFFECT_ACKNOWLEDGED, &which);

    if (shown != NULL && wrong->finds_more) {
        is_doubled(prove, user, shown, which, wrong->why);
        return;
    }
    if (is_at_stake(prove, user, status, &exchange->stake)) {
        memcpy(exchange->wrong, wrong->why, sizeof exchange->wrong);
        memcpy(exchange->first_words, exchange->words, sizeof exchange->first_words);
        exchange->probes = 1;
        if (user->visit->effects[exchange->stake].found)
            over(user);
        else if (virtual_user_may_repeat(exchange))
            again(user);
        else
            conclude(prove, user);
        return;
    }
    /*
     * What shows an effect that was not acknowledged is expected to be wrong, as is what follows from an unknown one.
     */
    if (!shows(exchange->entry) && !user->visit->is_vague) {
        find(prove, user, FINDING_WRONG_ANSWER, "%s%s: %s", exchange->is_repeated ? "repeated on purpose: " : "",
             exchange->words, wrong->why);
    }
    over(user);
}

void virtual_user_judge(struct prove *prove, struct virtual_user *user, const struct prove_answer *given,
                        int64_t now_us)
{
    struct exchange *exchange = &user->exchange;
    struct prove_answer answer = *given;
    const struct scenario_answer seen = {.status = answer.status,
                                         .head = answer.head,
                                         .body = answer.body,
                                         .length = answer.length,
                                         .url = answer.url,
                                         .took_ms = answer.took_ms};
    struct scenario_wrong wrong = {.finds_more = false};
    bool right;

    if (answer.status == 0)
        snprintf(wrong.why, sizeof wrong.why, "no answer that can be read: %.150s", answer.trouble);
    right = answer.status != 0 &&
            scenario_answer_is_right(exchange->entry, &seen, &user->visit->variables, &user->arena, &wrong);
    tally_answer(&prove->tally, &answer, right == exchange->must_be ? VERDICT_GOOD : VERDICT_FAILED, exchange->words,
                 exchange->tries > 1, now_us);
    if (exchange->probes == 0) {
        memcpy(exchange->worker, answer.worker, sizeof exchange->worker);
        virtual_user_waited(prove, user, now_us, true);
    }
    if (exchange->probes > 0) {
        exchange->good += right;
        if (++exchange->probes < PROBES)
            again(user);
        else
            conclude(prove, user);
    } else if (!exchange->must_be) {
        if (right)
            is_back(prove, user);
        over(user);
    } else if (right) {
        answered_right(prove, user, &answer, &seen);
    } else {
        answered_wrong(prove, user, answer.status, &wrong);
    }
    free(answer.jar);
}
