#include "prove/prove.h"

#include <stdio.h>
#include <string.h>

/* Workers in the table; the JSON has all that are kept. */
enum { POOLS_SHOWN = 64, LINE_FINDINGS = 5, LINE_WORKERS = 40 };

static int64_t ms(int64_t us)
{
    return (us + 500) / 1000;
}

/* --- for people */

static void print_event(FILE *out, const struct event *event)
{
    event_print_name(event->name, out);
    fprintf(out, " %-8s %9lld %8lld %8lld %9lld %9lld %10lld ms",
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
            fprintf(out, "%s: not every client was answered within a minute after it\n", event->name);
    }
}

/* Each broken promise, followed by its findings with account, requests and times. */
static void print_findings(FILE *out, const struct tally *tally)
{
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        enum finding_kind of = (enum finding_kind)kind;
        size_t shown = 0;

        if (tally->found[kind] == 0)
            continue;
        fprintf(out, "%s: %lld; the promise: %s\n", finding_word(of), (long long)tally->found[kind],
                finding_promise(of));
        for (size_t i = 0; i < tally->finding_count && shown < LINE_FINDINGS; i++) {
            const struct finding *finding = &tally->findings[i];

            if (finding->kind != of)
                continue;
            fprintf(out, "  %8.3f s %s%s%s (%s)\n", (double)finding->at_us / 1e6, finding->account,
                    finding->account[0] != '\0' ? ": " : "", finding->text, finding->event->name);
            shown++;
        }
    }
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

/* Each worker's share, in the order of their first answers. */
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

static void print_workers(FILE *out, const struct prove *prove)
{
    const struct tally *tally = &prove->tally;
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
        fputs(prove->virtual_users == NULL
                  ? "no answer names its worker: worker_header is off\n"
                  : "no answer names who gave it; # prove: worker-header says which header does\n",
              out);
    else
        fprintf(out, "%.1f %% of a session's answers came from another worker than the one before\n",
                percent(tally->moved, tally->followed));
}

/* A scenario has no rivals, and asks for what was undone instead of tokens that must be refused. */
static void print_sums(FILE *out, const struct prove *prove)
{
    const struct tally *tally = &prove->tally;

    fprintf(out, "%lld effects acknowledged, %lld checked in the end; ", (long long)tally->acknowledged,
            (long long)tally->checked);
    if (prove->virtual_users == NULL)
        fprintf(out, "%lld rivals, ", (long long)tally->rivals);
    fprintf(out, "%lld repetitions on purpose, %lld requests %s\n", (long long)tally->repetitions,
            (long long)tally->dead_asked, prove->virtual_users == NULL ? "with dead tokens" : "for what was undone");
}

void prove_report_table(const struct prove *prove, FILE *out)
{
    const struct tally *tally = &prove->tally;
    struct event sum = tally_sum(tally);
    char reason[TALLY_FINDING_BYTES];
    bool proven = tally_proven(tally, reason);

    sum.began_us = 0;
    event_print_name("event", out);
    fprintf(out, " %-8s %9s %8s %8s %9s %9s %13s %11s\n", "kind", "requests", "failed", "limited", "repeated",
            "replayed", "longest", "healed");
    for (size_t i = 0; i < tally->event_count; i++)
        print_event(out, &tally->events[i]);
    print_event(out, &sum);
    fputc('\n', out);
    print_troubles(out, tally);
    print_findings(out, tally);
    print_workers(out, prove);
    if (tally->left > 0)
        fprintf(out, "%lld accounts named prove-... could not be closed\n", (long long)tally->left);
    print_sums(out, prove);
    fprintf(out, "%s%s\n", proven ? "proven" : "not proven: ", reason);
}
