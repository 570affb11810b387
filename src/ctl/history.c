#include "ctl/history.h"

#include <stdio.h>
#include <string.h>

/* Blocks of one to eight eighths, and what a terminal without UTF-8 gets instead. */
static const char *const blocks[] = {" ",
                                     "\xE2\x96\x81",
                                     "\xE2\x96\x82",
                                     "\xE2\x96\x83",
                                     "\xE2\x96\x84",
                                     "\xE2\x96\x85",
                                     "\xE2\x96\x86",
                                     "\xE2\x96\x87",
                                     "\xE2\x96\x88"};
static const char *const letters[] = {" ", "_", ".", ":", "-", "=", "+", "*", "#"};

enum { STEPS = sizeof blocks / sizeof blocks[0] - 1 };

static size_t newest(const struct history *history)
{
    return (history->next + HISTORY_SAMPLES - 1) % HISTORY_SAMPLES;
}

static size_t find(const struct history *history, const char *name)
{
    size_t i;

    for (i = 0; i < history->count; i++)
        if (strncmp(history->series[i].name, name, HISTORY_NAME_BYTES - 1) == 0)
            break;
    return i;
}

void history_init(struct history *history, bool is_utf8)
{
    memset(history, 0, sizeof *history);
    history->is_utf8 = is_utf8;
}

void history_step(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        history->series[i].rates[history->next] = 0;
    history->next = (history->next + 1) % HISTORY_SAMPLES;
    if (history->taken < HISTORY_SAMPLES)
        history->taken++;
}

void history_add(struct history *history, const char *name, double rate)
{
    size_t i = find(history, name);

    if (i == HISTORY_SERIES)
        return;
    if (i == history->count) {
        snprintf(history->series[i].name, HISTORY_NAME_BYTES, "%s", name);
        history->count++;
    }
    history->series[i].rates[newest(history)] = rate;
}

double history_latest(const struct history *history, const char *name)
{
    size_t i = find(history, name);

    return i < history->count ? history->series[i].rates[newest(history)] : 0;
}

void history_draw(const struct history *history, const char *name, char text[HISTORY_TEXT_BYTES])
{
    const char *const *bars = history->is_utf8 ? blocks : letters;
    const double *rates = history->series[find(history, name) % HISTORY_SERIES].rates;
    double most = 0;
    size_t length = 0;

    text[0] = '\0';
    if (find(history, name) == history->count)
        return;
    for (size_t i = 0; i < HISTORY_SAMPLES; i++)
        if (rates[i] > most)
            most = rates[i];
    for (size_t i = 0; i < history->taken; i++) {
        double rate = rates[(history->next + HISTORY_SAMPLES - history->taken + i) % HISTORY_SAMPLES];
        /* A rate that is not zero has at least the lowest bar. */
        size_t step = rate <= 0 ? 0 : 1 + (size_t)(rate / most * (STEPS - 1));

        length += (size_t)snprintf(text + length, HISTORY_TEXT_BYTES - length, "%s", bars[step]);
    }
}
