/* The rates of the last minute by name, drawn as a row of bars. */
#ifndef MAYFLY_CTL_HISTORY_H
#define MAYFLY_CTL_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HISTORY_SAMPLES = 30, /* a minute of `top`, which draws every two seconds */
    HISTORY_SERIES = 65,  /* the pools that top shows, and their sum */
    HISTORY_NAME_BYTES = 64,
    HISTORY_TEXT_BYTES = HISTORY_SAMPLES * 3 + 1, /* a bar is a character of three bytes in UTF-8 */
};

struct history_series {
    char name[HISTORY_NAME_BYTES];
    double rates[HISTORY_SAMPLES]; /* a ring; history.next is the oldest */
};

struct history {
    struct history_series series[HISTORY_SERIES];
    size_t count;
    size_t next;  /* the place in each ring after the newest */
    size_t taken; /* samples so far, at most HISTORY_SAMPLES */
    bool is_utf8;
};

void history_init(struct history *, bool is_utf8);

/* Begins a new sample: 0 for each name until history_add tells otherwise. */
void history_step(struct history *);

/* Sets the newest sample. A name beyond HISTORY_SERIES is left out. */
void history_add(struct history *, const char *name, double rate);

double history_latest(const struct history *, const char *name);

/* Oldest first, the highest rate of the minute as the highest bar; "" for a name that is not known. */
void history_draw(const struct history *, const char *name, char text[HISTORY_TEXT_BYTES]);

#endif
