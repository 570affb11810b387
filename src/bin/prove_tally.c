#include "bin/prove_tally.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct event *tally_event(struct tally *tally)
{
    return &tally->events[tally->event_count - 1];
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

static void count_worker(struct tally *tally, const char *name)
{
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

/* In one line, without what could clear a terminal. */
static void describe(char text[TALLY_FINDING_BYTES], const char *action, const struct prove_answer *answer)
{
    if (answer->status == 0)
        snprintf(text, TALLY_FINDING_BYTES, "%s: no answer: %.120s", action, answer->trouble);
    else
        snprintf(text, TALLY_FINDING_BYTES, "%s: %ld %.150s", action, answer->status, answer->body);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = ' ';
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

void tally_find(struct tally *tally, enum finding_kind kind, int64_t count, const char *format, ...)
{
    struct finding *finding = &tally->findings[tally->finding_count];
    va_list arguments;

    tally->found[kind] += count;
    if (tally->finding_count == TALLY_FINDINGS_MAX)
        return;
    finding->kind = kind;
    finding->event = tally_event(tally);
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    tally->finding_count++;
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

bool tally_proven(const struct tally *tally, char reason[TALLY_FINDING_BYTES])
{
    const int64_t *found = tally->found;

    reason[0] = '\0';
    if (found[FINDING_LOST] + found[FINDING_DOUBLED] + found[FINDING_REVIVED] > 0)
        snprintf(reason, TALLY_FINDING_BYTES, "%lld lost, %lld doubled, %lld revived", (long long)found[FINDING_LOST],
                 (long long)found[FINDING_DOUBLED], (long long)found[FINDING_REVIVED]);
    else if (tally->interrupted)
        snprintf(reason, TALLY_FINDING_BYTES, "it was interrupted before everything was checked");
    else if (tally->unchecked > 0)
        snprintf(reason, TALLY_FINDING_BYTES, "%lld accounts could not be checked", (long long)tally->unchecked);
    for (size_t i = 0; reason[0] == '\0' && i < tally->event_count; i++) {
        const struct event *event = &tally->events[i];

        if (event->hook_failure[0] != '\0')
            snprintf(reason, TALLY_FINDING_BYTES, "%.60s: %.140s", event->name, event->hook_failure);
        else if (event->healed_us < 0)
            snprintf(reason, TALLY_FINDING_BYTES, "%.60s: the site did not come back", event->name);
        else if (event->kind != EVENT_OUTAGE && event->failed > 0)
            snprintf(reason, TALLY_FINDING_BYTES, "%.60s: %lld requests failed", event->name, (long long)event->failed);
    }
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

const char *finding_word(enum finding_kind kind)
{
    return kind == FINDING_LOST ? "lost" : kind == FINDING_DOUBLED ? "doubled" : "revived";
}

size_t tally_pool_length(const char *worker)
{
    return strcspn(worker, "/");
}
