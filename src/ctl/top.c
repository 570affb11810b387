/*
 * mayflyctl top: the cluster, live. Its state comes from PostgreSQL and memcached; the load of pools and routes comes
 * from the workers' StatsD datagrams, whose collector this is while it runs. It remembers the request rates of the last
 * minute and nothing else. Without measurements it shows the state alone, with the reason.
 */
#include "ctl/ctl.h"
#include "ctl/history.h"
#include "ctl/measurements.h"
#include "ctl/terminal.h"
#include "store/truths.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    /* Long enough for a meaningful rate, short enough to watch. */
    REFRESH_MS = 2000,
    NUMBER_TEXT_BYTES = 64,
    /* Only an error's message is longer; its beginning is enough. */
    LINE_BYTES = 512,
    /* A line of a pool takes 77 columns; its history has room beside that. */
    POOL_COLUMNS = 78,
};

struct top {
    struct ctl *ctl;
    struct measurements measured;
    struct history history;
    bool terminal, colours;
    size_t rows, columns; /* how many lines are shown, and how much of each */
    size_t row;           /* lines drawn so far */
};

/*
 * The last column stays free: a cursor that has passed it would take the character there along when the rest is
 * cleared.
 */
static void look_at_window(struct top *top)
{
    struct terminal_size size;

    top->row = 0;
    top->rows = SIZE_MAX;
    top->columns = LINE_BYTES;
    if (!top->terminal || !terminal_size(&size))
        return;
    top->rows = size.rows;
    top->columns = size.columns - 1;
}

/* Cuts the line to so many columns, and replaces control characters, since anybody may send a datagram. */
static void make_fit(char *line, size_t columns)
{
    line[terminal_fit(line, columns)] = '\0';
    for (char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
}

/* Shows one line, if there is room for it. A terminal gets no newline after its last one: everything would move up. */
static void PRINTF_LIKE(3, 4) show_in(struct top *top, const char *colour, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list values;

    if (top->row >= top->rows)
        return;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    make_fit(line, top->columns);
    if (!top->colours)
        colour = "";
    if (top->terminal)
        printf("%s%s%s%s\033[K", top->row > 0 ? "\n" : "", colour, line, colour[0] != '\0' ? TERMINAL_PLAIN : "");
    else
        puts(line);
    top->row++;
}

#define show(top, ...) show_in(top, "", __VA_ARGS__)

static const char *in_units(int64_t bytes, char text[NUMBER_TEXT_BYTES])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 1000 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1000;
    snprintf(text, NUMBER_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

static void show_truths(struct top *top)
{
    char files[NUMBER_TEXT_BYTES], database[NUMBER_TEXT_BYTES], received[NUMBER_TEXT_BYTES];
    struct err err = {.kind = ERR_NONE};
    int64_t values[TRUTH_COUNT];

    if (!truths_read(top->ctl->services.sessions.db, &top->ctl->arena, values, &err)) {
        show_in(top, TERMINAL_RED, "database   down: %.*s", (int)strcspn(err.detail, "\n"), err.detail);
        return;
    }
    show(top, "database   up, %s, %" PRId64 " of %" PRId64 " connections, schema %" PRId64,
         in_units(values[TRUTH_DATABASE_BYTES], database), values[TRUTH_CONNECTIONS], values[TRUTH_CONNECTIONS_MAX],
         values[TRUTH_SCHEMA]);
    show(top, "users      %" PRId64 "   sessions %" PRId64 "   outcomes %" PRId64, values[TRUTH_USERS],
         values[TRUTH_SESSIONS], values[TRUTH_OUTCOMES]);
    show(top, "files      %" PRId64 ", %s   uploads %" PRId64 ", %s   to sweep %" PRId64 ", oldest %" PRId64 " s",
         values[TRUTH_FILES], in_units(values[TRUTH_FILES_BYTES], files), values[TRUTH_UPLOADS],
         in_units(values[TRUTH_UPLOADS_BYTES], received), values[TRUTH_SWEEP_QUEUE], values[TRUTH_SWEEP_OLDEST]);
}

static void show_cache(struct top *top)
{
    const struct cache_node *nodes;
    size_t count = cache_nodes(top->ctl->services.sessions.cache, &top->ctl->arena, &nodes);

    if (count == 0)
        show(top, "cache      off");
    for (size_t i = 0; i < count; i++) {
        char bytes[NUMBER_TEXT_BYTES], most[NUMBER_TEXT_BYTES];

        if (nodes[i].up)
            show(top, "cache      up, %s of %s, %" PRId64 " items at %s", in_units(nodes[i].bytes, bytes),
                 in_units(nodes[i].bytes_max, most), nodes[i].items, nodes[i].name);
        else
            show_in(top, TERMINAL_RED, "cache      down: %s", nodes[i].name);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tally *)a)->name, ((const struct tally *)b)->name);
}

/* The routes that took the most time come first. */
static int by_time(const void *a, const void *b)
{
    int64_t left = ((const struct tally *)a)->time_us, right = ((const struct tally *)b)->time_us;

    return left != right ? (left < right) - (left > right) : by_name(a, b);
}

static double ms_each(const struct tally *tally)
{
    return tally->timed > 0 ? (double)tally->time_us / (double)tally->timed / 1000 : 0;
}

/* Of the rows with failures; 5xx is the site's fault, 4xx the clients'. */
static const char *colour_of(const struct tally *tally)
{
    if (tally->by_class[5] > 0)
        return TERMINAL_RED;
    return tally->requests > 0 && tally->by_class[4] * 2 > tally->requests ? TERMINAL_YELLOW : "";
}

static void show_pools(struct top *top, double seconds)
{
    bool room = top->terminal && top->columns > POOL_COLUMNS + HISTORY_SAMPLES;

    qsort(top->measured.pools.rows, top->measured.pools.count, sizeof top->measured.pools.rows[0], by_name);
    show_in(top, TERMINAL_BOLD, "%-16s %9s %7s %7s %7s %7s %8s %9s%s", "POOL", "REQUESTS", "2XX/S", "3XX/S", "4XX/S",
            "5XX/S", "MS EACH", "CACHE HIT", room ? "  LAST MINUTE" : "");
    for (size_t i = 0; i < top->measured.pools.count; i++) {
        const struct tally *pool = &top->measured.pools.rows[i];
        int64_t looked_up = pool->hits + pool->misses;
        char hit[NUMBER_TEXT_BYTES] = "-", minute[HISTORY_TEXT_BYTES] = "";

        if (looked_up > 0)
            snprintf(hit, sizeof hit, "%.1f %%", 100 * (double)pool->hits / (double)looked_up);
        if (room)
            history_draw(&top->history, pool->name, minute);
        show_in(top, colour_of(pool), "%-16.16s %7.1f/s %7.1f %7.1f %7.1f %7.1f %8.2f %9s%s%s", pool->name,
                (double)pool->requests / seconds, (double)pool->by_class[2] / seconds,
                (double)pool->by_class[3] / seconds, (double)pool->by_class[4] / seconds,
                (double)pool->by_class[5] / seconds, ms_each(pool), hit, room ? "  " : "", minute);
    }
}

static void show_routes(struct top *top, double seconds)
{
    size_t below = top->measured.not_understood > 0;

    qsort(top->measured.routes.rows, top->measured.routes.count, sizeof top->measured.routes.rows[0], by_time);
    show_in(top, TERMINAL_BOLD, "%-32s %9s %9s %9s %9s", "ROUTE", "REQUESTS", "5XX/S", "MS EACH", "MS MOST");
    for (size_t i = 0; i < top->measured.routes.count && top->row + below < top->rows; i++) {
        const struct tally *route = &top->measured.routes.rows[i];

        show_in(top, colour_of(route), "%-32.32s %7.1f/s %9.1f %9.2f %9.2f", route->name,
                (double)route->requests / seconds, (double)route->by_class[5] / seconds, ms_each(route),
                (double)route->longest_us / 1000);
    }
}

/* The rates of this moment become part of the history: of each pool, and of all of them under the name "". */
static void remember(struct top *top, double seconds)
{
    double sum = 0;

    history_step(&top->history);
    for (size_t i = 0; i < top->measured.pools.count; i++) {
        const struct tally *pool = &top->measured.pools.rows[i];

        history_add(&top->history, pool->name, (double)pool->requests / seconds);
        sum += (double)pool->requests / seconds;
    }
    history_add(&top->history, "", sum);
}

static void show_title(struct top *top, double seconds)
{
    char minute[HISTORY_TEXT_BYTES];

    if (top->terminal && top->measured.socket >= 0) {
        history_draw(&top->history, "", minute);
        show(top, "mayfly     " VERSION ", %.1f s   %s  %.1f requests/s", seconds, minute,
             history_latest(&top->history, ""));
    } else {
        show(top, "mayfly     " VERSION ", measured for %.1f s", seconds);
    }
}

static void draw(struct top *top, double seconds)
{
    look_at_window(top);
    remember(top, seconds);
    if (top->terminal)
        fputs("\033[H", stdout);
    show_title(top, seconds);
    show_truths(top);
    show_cache(top);
    show(top, "%s", "");
    if (top->measured.socket >= 0) {
        show_pools(top, seconds);
        show(top, "%s", "");
        show_routes(top, seconds);
    } else {
        show(top, "%s", top->measured.note);
    }
    if (top->measured.not_understood > 0)
        show_in(top, TERMINAL_YELLOW, "%" PRId64 " lines were not understood", top->measured.not_understood);
    if (top->terminal)
        fputs("\033[J", stdout);
    fflush(stdout);
    measurements_forget(&top->measured);
    arena_reset(&top->ctl->arena);
}

/* Collects measurements until that time; false when a signal asks to end. */
static bool collect(struct top *top, int signals, int64_t until_us)
{
    const struct clock *clock = top->ctl->services.clock;
    int64_t left_us;

    while ((left_us = until_us - clock->monotonic_us()) > 0) {
        struct pollfd polled[] = {{.fd = signals, .events = POLLIN}, {.fd = top->measured.socket, .events = POLLIN}};

        if (poll(polled, 2, (int)(left_us / 1000) + 1) < 0 && errno != EINTR)
            return false;
        if (polled[0].revents != 0)
            return false;
        if (polled[1].revents != 0)
            measurements_take(&top->measured);
    }
    return true;
}

static bool watch(struct top *top, struct err *err)
{
    const struct clock *clock = top->ctl->services.clock;
    bool once = top->ctl->options[OPTION_ONCE] != NULL, going = true;
    sigset_t ends;
    int signals;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    signals = sigprocmask(SIG_BLOCK, &ends, NULL) == 0 ? signalfd(-1, &ends, SFD_CLOEXEC) : -1;
    if (signals < 0)
        return err_set(err, ERR_DOWN, "signalfd: %s", strerror(errno));
    if (top->terminal)
        fputs("\033[H\033[2J", stdout);
    while (going) {
        int64_t since_us = clock->monotonic_us();

        going = collect(top, signals, since_us + REFRESH_MS * INT64_C(1000)) && !ferror(stdout);
        if (going)
            draw(top, (double)(clock->monotonic_us() - since_us) / 1e6);
        going = going && !once;
    }
    if (top->terminal)
        fputs("\n", stdout);
    close(signals);
    return true;
}

bool system_top(struct ctl *ctl, struct err *err)
{
    /* Not in the arena, which each drawing resets. */
    struct top *top = calloc(1, sizeof *top);
    bool done;

    if (top == NULL)
        return err_memory(err);
    top->ctl = ctl;
    top->terminal = isatty(STDOUT_FILENO) != 0 && ctl->options[OPTION_ONCE] == NULL;
    top->colours = top->terminal && terminal_has_colours();
    history_init(&top->history, terminal_is_utf8());
    measurements_open(&top->measured, &ctl->services.config, ctl->config_path);
    done = watch(top, err);
    measurements_close(&top->measured);
    free(top);
    return done;
}
