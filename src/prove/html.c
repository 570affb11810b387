/* mayfly-prove --html: one page with everything in it, which a browser shows without asking anybody. */
#include "prove/prove.h"

#include <stdio.h>

enum {
    /* The chart, in its own units. */
    WIDTH = 960,
    HEIGHT = 260,
    LEFT = 56,
    RIGHT = 12,
    TOP = 28,
    BOTTOM = 28,
    COLUMNS = 480, /* points: finer than a screen shows */
};

/* For text and for quoted attributes alike. What is not meant for a page, such as control characters, is a question mark. */
static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, out);
            break;
        }
}

static const char style[] =
    ":root{color-scheme:light dark;--line:#2b6cb0;--bad:#c53030;--dim:#718096;--grid:#8884}"
    "@media(prefers-color-scheme:dark){:root{--line:#63b3ed;--bad:#fc8181;--dim:#a0aec0}}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}"
    ".verdict{font-size:1.2rem;font-weight:600;padding:.5rem .8rem;border-left:.4rem solid #2f855a}"
    ".verdict.bad{border-color:var(--bad)}"
    "dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0}dt{color:var(--dim);font-size:.85rem}"
    "dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums}"
    "dl.found{display:block}.found dt{font-size:1rem;color:inherit}.found dd{font-size:1rem}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid var(--grid)}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.bad{color:var(--bad);font-weight:600}"
    "svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--dim)}"
    ".rate{fill:none;stroke:var(--line);stroke-width:1.5}.area{fill:var(--line);opacity:.12}"
    ".failed{fill:var(--bad)}.grid{stroke:var(--grid)}.mark{stroke:var(--dim);stroke-dasharray:3 3}"
    ".outage{fill:var(--bad);opacity:.08}.rolling{fill:var(--line);opacity:.08}small{color:var(--dim)}";

/* --- the chart */

struct chart {
    const struct tally *tally;
    size_t group, columns; /* ticks in a column */
    double most;           /* a second */
};

struct column {
    double answers, failed; /* a second */
};

static struct column column_at(const struct chart *chart, size_t at)
{
    double seconds = (double)chart->group * TALLY_TICK_MS / 1000.0;
    struct column column = {0, 0};

    for (size_t i = at * chart->group; i < (at + 1) * chart->group && i < chart->tally->tick_count; i++) {
        column.answers += chart->tally->ticks[i].answers;
        column.failed += chart->tally->ticks[i].failed;
    }
    column.answers /= seconds;
    column.failed /= seconds;
    return column;
}

/* 1, 2 or 5 times a power of ten, and not less. */
static double round_up(double value)
{
    double step = 1;

    while (step * 10 < value)
        step *= 10;
    return value <= step ? step : value <= 2 * step ? 2 * step : value <= 5 * step ? 5 * step : 10 * step;
}

static struct chart chart_of(const struct tally *tally)
{
    struct chart chart = {.tally = tally, .group = (tally->tick_count + COLUMNS - 1) / COLUMNS};
    double most = 1;

    if (chart.group < 5)
        chart.group = 5; /* a second: less is all noise */
    chart.columns = (tally->tick_count + chart.group - 1) / chart.group;
    for (size_t i = 0; i < chart.columns; i++) {
        struct column column = column_at(&chart, i);

        most = column.answers > most ? column.answers : most;
        most = column.failed > most ? column.failed : most;
    }
    chart.most = round_up(most);
    return chart;
}

static double x_of(const struct chart *chart, double column)
{
    return LEFT + column * (WIDTH - LEFT - RIGHT) / (double)(chart->columns > 0 ? chart->columns : 1);
}

static double x_of_time(const struct chart *chart, int64_t at_us)
{
    double column = (double)(at_us - chart->tally->began_us) / 1000.0 / TALLY_TICK_MS / (double)chart->group;

    return x_of(chart, column < (double)chart->columns ? column : (double)chart->columns);
}

static double y_of(const struct chart *chart, double value)
{
    return HEIGHT - BOTTOM - value / chart->most * (HEIGHT - TOP - BOTTOM);
}

static void put_grid(FILE *out, const struct chart *chart)
{
    double seconds = (double)(chart->columns * chart->group) * TALLY_TICK_MS / 1000.0, step = round_up(seconds / 10);

    for (int i = 0; i <= 4; i++) {
        double value = chart->most * i / 4, y = y_of(chart, value);

        fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y, y);
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT - 6, y + 4, value);
    }
    for (double at = 0; at <= seconds; at += step)
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f s</text>",
                x_of(chart, at * 1000.0 / TALLY_TICK_MS / (double)chart->group), HEIGHT - 8, at);
}

static void put_events(FILE *out, const struct chart *chart)
{
    const struct tally *tally = chart->tally;

    for (size_t i = 1; i < tally->event_count; i++) {
        const struct event *event = &tally->events[i];
        double x = x_of_time(chart, event->began_us), end = x_of_time(chart, event->began_us + event->hook_us);

        fputs("<g><title>", out);
        put_text(out, event->name);
        fputs("</title>", out);
        if (event->hook_us > 0)
            fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
                    event_kind_word(event->kind), x, TOP, end - x + 1, HEIGHT - TOP - BOTTOM);
        fprintf(out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, TOP - 8,
                HEIGHT - BOTTOM);
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%zu</text></g>\n", x, TOP - 12, i);
    }
}

static void put_lines(FILE *out, const struct chart *chart)
{
    fputs("<polygon class=\"area\" points=\"", out);
    fprintf(out, "%.1f,%.1f ", x_of(chart, 0), y_of(chart, 0));
    for (size_t i = 0; i < chart->columns; i++)
        fprintf(out, "%.1f,%.1f ", x_of(chart, (double)i + 0.5), y_of(chart, column_at(chart, i).answers));
    fprintf(out, "%.1f,%.1f\"/>\n<polyline class=\"rate\" points=\"", x_of(chart, (double)chart->columns),
            y_of(chart, 0));
    for (size_t i = 0; i < chart->columns; i++)
        fprintf(out, "%.1f,%.1f ", x_of(chart, (double)i + 0.5), y_of(chart, column_at(chart, i).answers));
    fputs("\"/>\n", out);
    for (size_t i = 0; i < chart->columns; i++) {
        double failed = column_at(chart, i).failed;
        /* One that failed is seen, too. */
        double height = HEIGHT - BOTTOM - y_of(chart, failed), least = failed > 0 ? 3 : 0;

        height = height < least ? least : height;
        if (height > 0)
            fprintf(out, "<rect class=\"failed\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                    x_of(chart, (double)i), HEIGHT - BOTTOM - height, x_of(chart, 1) - x_of(chart, 0), height);
    }
}

static void put_chart(FILE *out, const struct tally *tally)
{
    struct chart chart = chart_of(tally);

    fprintf(out,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Answers and failures a second\">\n"
            "<text x=\"0\" y=\"12\">answers/s</text>\n",
            WIDTH, HEIGHT);
    put_grid(out, &chart);
    put_events(out, &chart);
    put_lines(out, &chart);
    fputs("</svg>\n<p><small>The line: answers a second. Red: requests that failed. Numbers: events, as in the table; "
          "shaded while the command ran.</small></p>\n",
          out);
}

/* --- the tables */

static void put_number(FILE *out, int64_t number, bool bad)
{
    fprintf(out, "<td class=\"n%s\">%lld</td>", bad ? " bad" : "", (long long)number);
}

static void put_event_row(FILE *out, const struct event *event, size_t at)
{
    fprintf(out, "<tr><td class=\"n\">%zu</td><td>", at);
    put_text(out, event->name);
    fprintf(out, "</td><td>%s</td>", event_kind_word(event->kind));
    put_number(out, event->requests, false);
    put_number(out, event->failed, event->failed > 0 && event->kind != EVENT_OUTAGE);
    put_number(out, event->limited, false);
    put_number(out, event->repeated, false);
    put_number(out, event->replayed, false);
    put_number(out, event->longest_us / 1000, false);
    if (event->healed_us < 0)
        fputs("<td class=\"n bad\">never</td>", out);
    else if (event->healed_us == 0)
        fputs("<td></td>", out);
    else
        put_number(out, event->healed_us / 1000, false);
    fputs("</tr>\n", out);
    if (event->failure[0] == '\0' && event->hook_failure[0] == '\0')
        return;
    fputs("<tr><td></td><td colspan=\"9\"><small>", out);
    put_text(out, event->hook_failure);
    fputs(event->failure[0] != '\0' && event->hook_failure[0] != '\0' ? "<br>" : "", out);
    put_text(out, event->failure);
    fputs("</small></td></tr>\n", out);
}

static void put_event_table(FILE *out, const struct tally *tally)
{
    fputs("<h2>Events</h2>\n<div class=\"scroll\"><table><tr><th class=\"n\"></th><th>event</th><th>kind</th><th "
          "class=\"n\">"
          "requests</th><th class=\"n\">failed</th><th class=\"n\">limited</th><th class=\"n\">repeated</th><th "
          "class=\"n\">replayed</th><th "
          "class=\"n\">"
          "longest, ms</th><th class=\"n\">healed after, ms</th></tr>\n",
          out);
    for (size_t i = 0; i < tally->event_count; i++)
        put_event_row(out, &tally->events[i], i);
    fputs("</table></div>\n", out);
}

static void put_finding(FILE *out, const struct finding *finding)
{
    fprintf(out, "<li>%.3f s ", (double)finding->at_us / 1e6);
    put_text(out, finding->account);
    fputs(finding->account[0] != '\0' ? ": " : "", out);
    put_text(out, finding->text);
    fputs(" <small>", out);
    put_text(out, finding->event->name);
    fputs("</small></li>\n", out);
}

static void put_findings(FILE *out, const struct tally *tally)
{
    if (tally->finding_count == 0)
        return;
    fputs("<h2>What was found</h2>\n<dl class=\"found\">\n", out);
    for (size_t kind = 0; kind < FINDING_KINDS; kind++) {
        if (tally->found[kind] == 0)
            continue;
        fprintf(out, "<dt><strong>%s</strong>: %lld. The promise: ", finding_word((enum finding_kind)kind),
                (long long)tally->found[kind]);
        put_text(out, finding_promise((enum finding_kind)kind));
        fputs("</dt>\n<dd><ul>\n", out);
        for (size_t i = 0; i < tally->finding_count; i++)
            if (tally->findings[i].kind == (enum finding_kind)kind)
                put_finding(out, &tally->findings[i]);
        fputs("</ul></dd>\n", out);
    }
    fputs("</dl>\n", out);
}

static void put_workers(FILE *out, const struct tally *tally)
{
    int64_t all = tally->unnamed;

    for (size_t i = 0; i < tally->worker_count; i++)
        all += tally->workers[i].answers;
    if (all == 0)
        return;
    fprintf(
        out,
        "<h2>Workers</h2>\n<p>%.1f %% of a session's answers came from another worker than the one before.</p>\n"
        "<div class=\"scroll\"><table><tr><th>worker</th><th class=\"n\">answers</th><th class=\"n\">share</th></tr>\n",
        tally->followed > 0 ? 100.0 * (double)tally->moved / (double)tally->followed : 0.0);
    for (size_t i = 0; i < tally->worker_count; i++) {
        fputs("<tr><td>", out);
        put_text(out, tally->workers[i].name);
        fputs("</td>", out);
        put_number(out, tally->workers[i].answers, false);
        fprintf(out, "<td class=\"n\">%.1f %%</td></tr>\n", 100.0 * (double)tally->workers[i].answers / (double)all);
    }
    fputs("</table></div>\n", out);
}

static void put_sum(FILE *out, const char *name, int64_t number)
{
    fprintf(out, "<div><dt>%s</dt><dd>%lld</dd></div>\n", name, (long long)number);
}

static void put_sums(FILE *out, const struct tally *tally)
{
    struct event sum = tally_sum(tally);

    fputs("<dl>\n", out);
    put_sum(out, "requests", sum.requests);
    put_sum(out, "failed", sum.failed);
    put_sum(out, "repeated", sum.repeated);
    put_sum(out, "replayed", sum.replayed);
    put_sum(out, "effects acknowledged", tally->acknowledged);
    put_sum(out, "checked in the end", tally->checked);
    put_sum(out, "rivals", tally->rivals);
    put_sum(out, "repetitions", tally->repetitions);
    put_sum(out, "dead tokens asked", tally->dead_asked);
    put_sum(out, "broken promises", tally_found(tally));
    put_sum(out, "seconds", (tally->ended_us - tally->began_us) / 1000000);
    fputs("</dl>\n", out);
}

void prove_report_html(const struct prove *prove, const struct prove_options *options, FILE *out)
{
    const struct tally *tally = &prove->tally;
    char reason[TALLY_FINDING_BYTES];
    bool proven = tally_proven(tally, reason);

    fprintf(out,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            "<title>mayfly: %s</title>\n<style>%s</style>\n<h1>No worker is special: ",
            proven ? "proven" : "not proven", style);
    put_text(out, options->url);
    fprintf(out, "</h1>\n<p class=\"verdict%s\">%s", proven ? "" : " bad", proven ? "Proven." : "Not proven: ");
    put_text(out, reason);
    fputs("</p>\n", out);
    put_sums(out, tally);
    put_chart(out, tally);
    put_findings(out, tally);
    put_event_table(out, tally);
    put_workers(out, tally);
    fputs("</html>\n", out);
}
