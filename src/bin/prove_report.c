#include "bin/ctl.h"
#include "bin/prove.h"

#include <stdio.h>
#include <string.h>

/* In the table; the JSON has all that are kept. */
enum { POOLS_SHOWN = 64, LINE_FINDINGS = 20, LINE_WORKERS = 40 };

static int64_t ms(int64_t us)
{
    return (us + 500) / 1000;
}

/* --- for people */

static void print_event(FILE *out, const struct event *event)
{
    fprintf(out, "%-28.28s %-8s %9lld %8lld %8lld %9lld %9lld %10lld ms", event->name,
            event->began_us == 0 ? "" : event_kind_word(event->kind), (long long)event->requests,
            (long long)event->failed, (long long)event->limited, (long long)event->repeated, (long long)event->replayed,
            (long long)ms(event->longest_us));
    if (event->healed_us > 0)
        fprintf(out, " %8lld ms", (long long)ms(event->healed_us));
    fputc('\n', out);
}

static void print_troubles(FILE *out, const struct tally *tally)
{
    for (size_t i = 0; i < tally->event_count; i++) {
        const struct event *event = &tally->events[i];

        if (event->failure[0] != '\0')
            fprintf(out, "%s: the first that failed: %s\n", event->name, event->failure);
        if (event->hook_failure[0] != '\0')
            fprintf(out, "%s: %s\n", event->name, event->hook_failure);
        if (event->healed_us < 0)
            fprintf(out, "%s: not every client got on within a minute after it\n", event->name);
    }
}

static void print_findings(FILE *out, const struct tally *tally)
{
    size_t shown = tally->finding_count < LINE_FINDINGS ? tally->finding_count : LINE_FINDINGS;

    for (size_t i = 0; i < shown; i++)
        fprintf(out, "%s: %s (%s)\n", finding_word(tally->findings[i].kind), tally->findings[i].text,
                tally->findings[i].event->name);
    if (tally->finding_count > shown)
        fprintf(out, "and %zu more\n", tally->finding_count - shown);
}

/* Answers of each pool, and of how many workers. */
struct pool {
    const char *name;
    size_t length;
    int64_t answers, workers;
};

static size_t pools_of(const struct tally *tally, struct pool pools[POOLS_SHOWN])
{
    size_t count = 0, at;

    for (size_t i = 0; i < tally->worker_count; i++) {
        const char *name = tally->workers[i].name;
        size_t length = tally_pool_length(name);

        for (at = 0; at < count; at++)
            if (pools[at].length == length && strncmp(pools[at].name, name, length) == 0)
                break;
        if (at == POOLS_SHOWN)
            continue;
        if (at == count)
            pools[count++] = (struct pool){.name = name, .length = length};
        pools[at].answers += tally->workers[i].answers;
        pools[at].workers++;
    }
    return count;
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

/* Each worker's share, in the order in which they were met. */
static void print_pool(FILE *out, const struct tally *tally, const struct pool *pool, int64_t all)
{
    int64_t shown = 0;

    for (size_t i = 0; i < tally->worker_count && shown < LINE_WORKERS; i++) {
        const struct tally_worker *worker = &tally->workers[i];

        if (tally_pool_length(worker->name) != pool->length || strncmp(worker->name, pool->name, pool->length) != 0)
            continue;
        fprintf(out, "  %-19s %5.1f %%\n", worker->name, percent(worker->answers, all));
        shown++;
    }
    if (shown < pool->workers)
        fprintf(out, "  and %lld more\n", (long long)(pool->workers - shown));
}

static void print_workers(FILE *out, const struct tally *tally)
{
    struct pool pools[POOLS_SHOWN];
    size_t count = pools_of(tally, pools);
    int64_t all = tally->unnamed;

    for (size_t i = 0; i < tally->worker_count; i++)
        all += tally->workers[i].answers;
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "pool %-16.*s %5.1f %% of the answers, by %lld workers\n", (int)pools[i].length, pools[i].name,
                percent(pools[i].answers, all), (long long)pools[i].workers);
        print_pool(out, tally, &pools[i], all);
    }
    if (count == 0)
        fputs("no answer names its worker: worker_header is off\n", out);
    else
        fprintf(out, "%.1f %% of a session's answers came from another worker than the one before\n",
                percent(tally->moved, tally->followed));
}

void prove_report_table(const struct prove *prove, FILE *out)
{
    const struct tally *tally = &prove->tally;
    struct event sum = tally_sum(tally);
    char reason[TALLY_FINDING_BYTES];
    bool proven = tally_proven(tally, reason);

    sum.began_us = 0;
    fprintf(out, "%-28s %-8s %9s %8s %8s %9s %9s %13s %11s\n", "event", "kind", "requests", "failed", "limited",
            "repeated", "replayed", "longest", "healed");
    for (size_t i = 0; i < tally->event_count; i++)
        print_event(out, &tally->events[i]);
    print_event(out, &sum);
    fputc('\n', out);
    print_troubles(out, tally);
    print_findings(out, tally);
    print_workers(out, tally);
    if (tally->left > 0)
        fprintf(out, "%lld accounts named prove-... could not be closed\n", (long long)tally->left);
    fprintf(out, "%lld effects acknowledged, %lld checked in the end: %lld lost, %lld doubled, %lld revived\n%s%s\n",
            (long long)tally->acknowledged, (long long)tally->checked, (long long)tally->found[FINDING_LOST],
            (long long)tally->found[FINDING_DOUBLED], (long long)tally->found[FINDING_REVIVED],
            proven ? "proven" : "not proven: ", reason);
}

/* --- for programs */

static json_t *event_json(const struct tally *tally, const struct event *event)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:s}", "name", event->name, "kind",
                     event_kind_word(event->kind), "began_ms", (json_int_t)ms(event->began_us - tally->began_us),
                     "hook_ms", (json_int_t)ms(event->hook_us), "requests", (json_int_t)event->requests, "failed",
                     (json_int_t)event->failed, "limited", (json_int_t)event->limited, "repeated",
                     (json_int_t)event->repeated, "replayed", (json_int_t)event->replayed, "longest_ms",
                     (json_int_t)ms(event->longest_us), "healed_ms",
                     event->healed_us > 0 ? json_integer(ms(event->healed_us)) : json_null(), "first_failure",
                     event->failure, "hook_failure", event->hook_failure);
}

/* An answer's bytes may be cut within a character, so what has no JSON is left out and said to be. */
static json_t *text_or(json_t *made, const char *kind)
{
    return made != NULL ? made : json_pack("{s:s, s:s}", "kind", kind, "text", "not UTF-8");
}

static bool add_findings(json_t *list, const struct tally *tally)
{
    bool ok = true;

    for (size_t i = 0; ok && i < tally->finding_count; i++) {
        const struct finding *finding = &tally->findings[i];
        const char *kind = finding_word(finding->kind);

        ok = json_array_append_new(list, text_or(json_pack("{s:s, s:s, s:s}", "kind", kind, "event",
                                                           finding->event->name, "text", finding->text),
                                                 kind)) == 0;
    }
    return ok;
}

static bool add_events(json_t *list, const struct tally *tally)
{
    bool ok = true;

    for (size_t i = 0; ok && i < tally->event_count; i++) {
        struct event event = tally->events[i];
        json_t *json = event_json(tally, &event);

        if (json == NULL) { /* the texts are not UTF-8 */
            event.failure[0] = event.hook_failure[0] = '?';
            event.failure[event.failed > 0] = event.hook_failure[tally->events[i].hook_failure[0] != '\0'] = '\0';
            json = event_json(tally, &event);
        }
        ok = json_array_append_new(list, json) == 0;
    }
    return ok;
}

static bool add_workers(json_t *object, const struct tally *tally)
{
    bool ok = true;

    for (size_t i = 0; ok && i < tally->worker_count; i++)
        ok = json_object_set_new(object, tally->workers[i].name, json_integer(tally->workers[i].answers)) == 0;
    return ok;
}

static bool add_timeline(json_t *list, const struct tally *tally)
{
    bool ok = true;

    for (size_t i = 0; ok && i < tally->tick_count; i++) {
        const struct tick *tick = &tally->ticks[i];

        ok = json_array_append_new(list, json_pack("[I,I,I]", (json_int_t)tick->answers, (json_int_t)tick->failed,
                                                   (json_int_t)tick->longest_ms)) == 0;
    }
    return ok;
}

static json_t *sums_json(const struct tally *tally)
{
    struct event sum = tally_sum(tally);

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "requests",
                     (json_int_t)sum.requests, "failed", (json_int_t)sum.failed, "limited", (json_int_t)sum.limited,
                     "repeated", (json_int_t)sum.repeated, "replayed", (json_int_t)sum.replayed, "longest_ms",
                     (json_int_t)ms(sum.longest_us), "acknowledged", (json_int_t)tally->acknowledged, "checked",
                     (json_int_t)tally->checked, "unchecked_accounts", (json_int_t)tally->unchecked, "accounts_left",
                     (json_int_t)tally->left, "followed", (json_int_t)tally->followed, "moved",
                     (json_int_t)tally->moved, "seconds", (json_int_t)((tally->ended_us - tally->began_us) / 1000000),
                     "tick_ms", (json_int_t)TALLY_TICK_MS);
}

bool prove_report_json(const struct prove *prove, const struct prove_options *options, FILE *out, struct err *err)
{
    const struct tally *tally = &prove->tally;
    char reason[TALLY_FINDING_BYTES];
    bool proven = tally_proven(tally, reason), ok;
    json_t *events = json_array(), *findings = json_array(), *workers = json_object(), *timeline = json_array();
    json_t *report;

    ok = add_events(events, tally) && add_findings(findings, tally) && add_workers(workers, tally) &&
         add_timeline(timeline, tally);
    report =
        json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "proven", proven, "reason",
                  proven ? "" : reason, "url", options->url, "lost", (json_int_t)tally->found[FINDING_LOST], "doubled",
                  (json_int_t)tally->found[FINDING_DOUBLED], "revived", (json_int_t)tally->found[FINDING_REVIVED],
                  "interrupted", tally->interrupted, "uploads", prove->upload, "sums", sums_json(tally), "events",
                  events, "findings", findings, "workers", workers, "timeline", timeline);
    ok = ok && report != NULL && json_dumpf(report, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;
    json_decref(report);
    return ok || err_set(err, ERR_DOWN, "the report can't be written as JSON");
}
