/* Collects what workers report by StatsD while a program looks at it; app/measure.c says what they send. */
#ifndef MAYFLY_CTL_MEASUREMENTS_H
#define MAYFLY_CTL_MEASUREMENTS_H

#include "base/attr.h"
#include "base/config.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    MEASURED_NAME_BYTES = 64,
    /* There are some fifty routes with their methods. Further ones are counted, not listed. */
    MEASURED_ROUTES_MAX = 128,
    MEASURED_POOLS_MAX = 64,
    MEASURED_CLASSES = 6, /* of statuses, by their first digit */
    MEASURED_NOTE_BYTES = 256,
};

/* The measurements since the last measurements_forget. */
struct tally {
    char name[MEASURED_NAME_BYTES];
    int64_t requests, by_class[MEASURED_CLASSES];
    int64_t timed, time_us, longest_us;
    int64_t hits, misses;
};

struct tallies {
    struct tally rows[MEASURED_ROUTES_MAX];
    size_t count, most;
};

struct measurements {
    const char *prefix; /* of each line; the settings' */
    int socket;         /* -1: nothing comes, and note says why */
    char note[MEASURED_NOTE_BYTES];
    struct sockaddr_storage address;
    const char *path; /* of the socket, to be removed; NULL: none */
    struct tallies pools, routes;
    int64_t not_understood; /* lines */
};

/* Becomes the collector that the setting statsd names. config is borrowed; config_path is for the note only. */
void measurements_open(struct measurements *, const struct config *, const char *config_path);

/* Takes the datagrams that have arrived; does not wait. */
void measurements_take(struct measurements *);
void measurements_forget(struct measurements *);
void measurements_close(struct measurements *);

#endif
