/* mayfly-prove --json: the report for programs. */
#include "prove/prove.h"

#include "http/json.h"

#include <stdio.h>

static int64_t ms(int64_t us)
{
    return (us + 500) / 1000;
}

static json_t *event_json(const struct tally *tally, const struct event *event)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b, s:s, s:s}", "name", event->name,
                     "kind", event_kind_word(event->kind), "began_ms",
                     (json_int_t)ms(event->began_us - tally->began_us), "hook_ms", (json_int_t)ms(event->hook_us),
                     "requests", (json_int_t)event->requests, "failed", (json_int_t)event->failed, "limited",
                     (json_int_t)event->limited, "repeated", (json_int_t)event->repeated, "replayed",
                     (json_int_t)event->replayed, "longest_ms", (json_int_t)ms(event->longest_us), "healed_ms",
                     event->healed_us > 0 ? json_integer(ms(event->healed_us)) : json_null(), "never_healed",
                     event->healed_us < 0, "first_failure", event->failure, "hook_failure", event->hook_failure);
}

/* An answer may be cut within a character. A text that is not UTF-8 is left out, with a note. */
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

        ok =
            json_array_append_new(list, text_or(json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "kind", kind, "event",
                                                          finding->event->name, "at_ms", (json_int_t)ms(finding->at_us),
                                                          "account", finding->account, "request", finding->request,
                                                          "worker", finding->worker, "text", finding->text),
                                                kind)) == 0;
    }
    return ok;
}

/* The promises that were broken, and how often. */
static bool add_broken(json_t *object, const struct tally *tally)
{
    bool ok = true;

    for (size_t kind = 0; ok && kind < FINDING_KINDS; kind++)
        if (tally->found[kind] > 0)
            ok = json_object_set_new(object, finding_word((enum finding_kind)kind),
                                     json_pack("{s:I, s:s}", "count", (json_int_t)tally->found[kind], "promise",
                                               finding_promise((enum finding_kind)kind))) == 0;
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

    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "requests",
        (json_int_t)sum.requests, "failed", (json_int_t)sum.failed, "limited", (json_int_t)sum.limited, "repeated",
        (json_int_t)sum.repeated, "replayed", (json_int_t)sum.replayed, "longest_ms", (json_int_t)ms(sum.longest_us),
        "acknowledged", (json_int_t)tally->acknowledged, "checked", (json_int_t)tally->checked, "unchecked_accounts",
        (json_int_t)tally->unchecked, "accounts_left", (json_int_t)tally->left, "followed", (json_int_t)tally->followed,
        "moved", (json_int_t)tally->moved, "rivals", (json_int_t)tally->rivals, "repetitions",
        (json_int_t)tally->repetitions, "dead_asked", (json_int_t)tally->dead_asked, "seconds",
        (json_int_t)((tally->ended_us - tally->began_us) / 1000000), "tick_ms", (json_int_t)TALLY_TICK_MS);
}

json_t *prove_report_value(const struct prove *prove, const struct prove_options *options)
{
    const struct tally *tally = &prove->tally;
    char reason[TALLY_FINDING_BYTES];
    bool proven = tally_proven(tally, reason), ok;
    json_t *events = json_array(), *findings = json_array(), *workers = json_object(), *timeline = json_array();
    json_t *report, *broken = json_object();

    ok = add_events(events, tally) && add_findings(findings, tally) && add_broken(broken, tally) &&
         add_workers(workers, tally) && add_timeline(timeline, tally);
    report = json_pack("{s:b, s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:o}", "proven", proven, "reason",
                       proven ? "" : reason, "url", options->url, "broken", broken, "interrupted", tally->interrupted,
                       "uploads", prove->upload, "sums", sums_json(tally), "events", events, "findings", findings,
                       "workers", workers, "other_workers", (json_int_t)tally->unnamed, "timeline", timeline);
    if (ok)
        return report;
    json_decref(report);
    return NULL;
}

bool prove_report_json(const struct prove *prove, const struct prove_options *options, FILE *out, struct err *err)
{
    json_t *report = prove_report_value(prove, options);
    bool ok = report != NULL && json_dumpf(report, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;

    json_decref(report);
    return ok || err_set(err, ERR_DOWN, "the report can't be written as JSON");
}
