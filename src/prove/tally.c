#include "prove/tally.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct event *tally_event(struct tally *tally)
{
    return &tally->events[tally->event_count - 1];
}

bool tally_calm(struct tally *tally)
{
    const struct event *event = tally_event(tally);

    return event->kind == EVENT_QUIET || event->healed_us > 0;
}

bool tally_begin(struct tally *tally, const char *name, enum event_kind kind, int64_t now_us)
{
    if (tally->event_count == TALLY_EVENTS_MAX)
        return false;
    if (tally->event_count == 0)
        tally->began_us = now_us;
    tally->events[tally->event_count++] = (struct event){.name = name, .kind = kind, .began_us = now_us};
    return true;
}

static struct tick *tick_at(struct tally *tally, int64_t now_us)
{
    int64_t at = (now_us - tally->began_us) / (TALLY_TICK_MS * 1000);

    if (at >= TALLY_TICKS_MAX)
        at = TALLY_TICKS_MAX - 1;
    if ((size_t)at >= tally->tick_count)
        tally->tick_count = (size_t)at + 1;
    return &tally->ticks[at];
}

/* Replaces control characters and bytes that are not UTF-8: an answer may be any file, or cut within a character. */
static void one_line(char *text)
{
    size_t left = strlen(text), length;

    for (; left > 0; text += length, left -= length) {
        length = utf8_sequence(text, left);
        if (length == 0 || utf8_has_control(text, length)) {
            *text = length == 0 ? '?' : ' ';
            length = 1;
        }
    }
}

static void count_worker(struct tally *tally, const char *named)
{
    char name[PROVE_WORKER_BYTES];

    snprintf(name, sizeof name, "%s", named);
    one_line(name);
    for (size_t i = 0; i < tally->worker_count; i++)
        if (strcmp(tally->workers[i].name, name) == 0) {
            tally->workers[i].answers++;
            return;
        }
    if (tally->worker_count == TALLY_WORKERS_MAX) {
        tally->unnamed++;
        return;
    }
    snprintf(tally->workers[tally->worker_count].name, PROVE_WORKER_BYTES, "%s", name);
    tally->workers[tally->worker_count++].answers = 1;
}

static void describe(char text[TALLY_FINDING_BYTES], const char *action, const struct prove_answer *answer)
{
    if (answer->status == 0)
        snprintf(text, TALLY_FINDING_BYTES, "%s: no answer: %.120s", action, answer->trouble);
    else
        snprintf(text, TALLY_FINDING_BYTES, "%s: %ld %.150s", action, answer->status, answer->body);
    one_line(text);
}

void tally_answer(struct tally *tally, const struct prove_answer *answer, enum tally_verdict verdict,
                  const char *action, bool repeated, int64_t now_us)
{
    struct event *event = tally_event(tally);
    struct tick *tick = tick_at(tally, now_us);

    event->requests++;
    event->repeated += repeated;
    event->replayed += answer->replayed;
    tick->answers += answer->status != 0;
    if (answer->worker[0] != '\0')
        count_worker(tally, answer->worker);
    if (verdict == VERDICT_LIMITED)
        event->limited++;
    if (verdict != VERDICT_FAILED)
        return;
    tick->failed++;
    if (event->failed++ == 0)
        describe(event->failure, action, answer);
}

void tally_done(struct tally *tally, struct event *began, int64_t took_us, int64_t now_us)
{
    struct event *event = began != NULL ? began : tally_event(tally);
    struct tick *tick = tick_at(tally, now_us);

    if (took_us > event->longest_us)
        event->longest_us = took_us;
    if (took_us / 1000 > tick->longest_ms)
        tick->longest_ms = (uint32_t)(took_us / 1000);
}

/* NULL: there are enough in words. */
static struct finding *add_finding(struct tally *tally, enum finding_kind kind, const char *account)
{
    struct finding *finding = &tally->findings[tally->finding_count];

    if (tally->finding_count == TALLY_FINDINGS_MAX)
        return NULL;
    *finding = (struct finding){
        .kind = kind, .event = tally_event(tally), .at_us = clock_system.monotonic_us() - tally->began_us};
    snprintf(finding->account, sizeof finding->account, "%s", account);
    tally->finding_count++;
    return finding;
}

void tally_find(struct tally *tally, enum finding_kind kind, int64_t count, const char *account, const char *format,
                ...)
{
    struct finding *finding = add_finding(tally, kind, account);
    va_list arguments;

    tally->found[kind] += count;
    if (finding == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    one_line(finding->text);
}

void tally_find_at(struct tally *tally, enum finding_kind kind, const struct event *event, const char *request,
                   const char *worker, const char *account, const char *format, ...)
{
    struct finding *finding = add_finding(tally, kind, account);
    va_list arguments;

    tally->found[kind]++;
    if (finding == NULL)
        return;
    finding->event = event;
    snprintf(finding->request, sizeof finding->request, "%s", request);
    snprintf(finding->worker, sizeof finding->worker, "%s", worker);
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    one_line(finding->text);
    one_line(finding->request);
    one_line(finding->worker);
}

int64_t tally_found(const struct tally *tally)
{
    int64_t found = 0;

    for (size_t kind = 0; kind < FINDING_KINDS; kind++)
        found += tally->found[kind];
    return found;
}

static bool event_failed(const struct event *event)
{
    return event->hook_failure[0] != '\0' || event->healed_us < 0 || (event->kind != EVENT_OUTAGE && event->failed > 0);
}

bool tally_broken(const struct tally *tally)
{
    for (size_t i = 0; i < tally->event_count; i++)
        if (event_failed(&tally->events[i]))
            return true;
    return tally_found(tally) > 0;
}

struct event tally_sum(const struct tally *tally)
{
    struct event sum = {.name = "all", .began_us = tally->began_us};

    for (size_t i = 0; i < tally->event_count; i++) {
        const struct event *event = &tally->events[i];

        sum.requests += event->requests;
        sum.failed += event->failed;
        sum.limited += event->limited;
        sum.repeated += event->repeated;
        sum.replayed += event->replayed;
        if (event->longest_us > sum.longest_us)
            sum.longest_us = event->longest_us;
    }
    return sum;
}

/* The findings by the names of the promises: "3 lost update, 1 stale read". */
static void name_found(const struct tally *tally, char reason[TALLY_FINDING_BYTES])
{
    size_t used = 0;

    for (size_t kind = 0; kind < FINDING_KINDS && used < TALLY_FINDING_BYTES; kind++)
        if (tally->found[kind] > 0)
            used += (size_t)snprintf(reason + used, TALLY_FINDING_BYTES - used, "%s%lld %s", used > 0 ? ", " : "",
                                     (long long)tally->found[kind], finding_word((enum finding_kind)kind));
}

bool tally_proven(const struct tally *tally, char reason[TALLY_FINDING_BYTES])
{
    reason[0] = '\0';
    if (tally_found(tally) > 0)
        name_found(tally, reason);
    else if (tally->interrupted)
        snprintf(reason, TALLY_FINDING_BYTES, "it was interrupted before everything was checked");
    else if (tally->unchecked > 0)
        snprintf(reason, TALLY_FINDING_BYTES, "%lld accounts could not be checked", (long long)tally->unchecked);
    else if (tally->acknowledged == 0)
        snprintf(reason, TALLY_FINDING_BYTES, "nothing was acknowledged, so nothing was at stake");
    for (size_t i = 0; reason[0] == '\0' && i < tally->event_count; i++) {
        const struct event *event = &tally->events[i];

        if (event->hook_failure[0] != '\0')
            snprintf(reason, TALLY_FINDING_BYTES, "%.60s: %.140s", event->name, event->hook_failure);
        else if (event->healed_us < 0)
            snprintf(reason, TALLY_FINDING_BYTES, "%.60s: the site did not come back", event->name);
        else if (event_failed(event))
            snprintf(reason, TALLY_FINDING_BYTES, "%.60s: %lld requests failed", event->name, (long long)event->failed);
    }
    one_line(reason); /* cutting may have left a part of a character */
    return reason[0] == '\0';
}

const char *event_kind_word(enum event_kind kind)
{
    switch (kind) {
    case EVENT_QUIET:
        return "quiet";
    case EVENT_ROLLING:
        return "rolling";
    case EVENT_OUTAGE:
        break;
    }
    return "outage";
}

void event_print_name(const char *name, FILE *out)
{
    size_t left = strlen(name), length;
    int characters = 0;

    for (; left > 0 && characters < TALLY_NAME_CHARACTERS; characters++) {
        length = utf8_sequence(name, left);
        length = length > 0 ? length : 1;
        fwrite(name, 1, length, out);
        name += length;
        left -= length;
    }
    fprintf(out, "%*s", TALLY_NAME_CHARACTERS - characters, "");
}

static const struct {
    const char *word, *promise;
} promises[FINDING_KINDS] = {
    [FINDING_LOST_ACCOUNT] = {"lost account", "an account that was made can log in"},
    [FINDING_LOST_SESSION] = {"lost session", "a session that was not ended is accepted"},
    [FINDING_LOST_WRITE] = {"lost write", "a write that was acknowledged stays"},
    [FINDING_LOST_FILE] = {"lost file", "a file that was acknowledged stays, with its bytes"},
    [FINDING_LOST_UPDATE] = {"lost update",
                             "of writers with the same If-Match one wins, and no write overwrites another unseen"},
    [FINDING_DONE_TWICE] = {"done twice", "a request that is repeated is done once and answered as before"},
    [FINDING_DONE_REFUSED] = {"refused and done", "a write that was refused is not done"},
    [FINDING_REFUSED] = {"refused without reason", "a write with the present version is accepted"},
    [FINDING_ENDED_TOKEN] = {"ended session accepted",
                             "no worker accepts the token of a session whose end was acknowledged"},
    [FINDING_FORGED_TOKEN] = {"forged token accepted", "a token that was never given out is refused"},
    [FINDING_OLD_PASSWORD] = {"old password accepted",
                              "a password that was replaced, or of a closed account, is refused"},
    [FINDING_STALE_READ] = {"stale read", "what was acknowledged before a read was sent is in its answer"},
    [FINDING_REUSED_KEY] = {"reused key accepted", "an Idempotency-Key that comes with another body is refused"},
    [FINDING_MIXED_UP] = {"answers mixed up",
                          "an answer is its own request's, and one account's things are no other's"},
    [FINDING_STICKY] = {"sticky routing", "each session is answered by many workers of all pools"},
    [FINDING_LOST_UPLOAD] = {"lost upload", "an acknowledged upload is kept, whichever worker answers"},
    [FINDING_DOUBLED] = {"doubled effect", "what was acknowledged once is there once"},
    [FINDING_REVIVED_SESSION] = {"revived session", "a session that was ended is refused"},
    [FINDING_REVIVED_EFFECT] = {"revived effect", "what was undone is not there"},
    [FINDING_STALE_CACHE] = {"stale cache", "all processes give the same answer"},
    [FINDING_UNAVAILABLE] = {"unavailable too long", "every request is answered in time, its repetitions included"},
    [FINDING_WRONG_ANSWER] = {"wrong answer", "a request is answered as the scenario says"},
};

const char *finding_word(enum finding_kind kind)
{
    return promises[kind].word;
}

const char *finding_promise(enum finding_kind kind)
{
    return promises[kind].promise;
}

size_t tally_pool_length(const char *worker)
{
    return strcspn(worker, "/");
}
