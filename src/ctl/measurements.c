#include "ctl/measurements.h"

#include "base/statsd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* NULL when the table is full. */
static struct tally *find(struct tallies *table, const char *name)
{
    size_t i;

    for (i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    if (table->count >= table->most)
        return NULL;
    table->rows[i] = (struct tally){.requests = 0};
    snprintf(table->rows[i].name, MEASURED_NAME_BYTES, "%s", name);
    table->count++;
    return &table->rows[i];
}

static void add_request(struct tally *tally, int class)
{
    tally->requests++;
    tally->by_class[class]++;
}

static void add_time(struct tally *tally, int64_t time_us)
{
    tally->timed++;
    tally->time_us += time_us;
    if (time_us > tally->longest_us)
        tally->longest_us = time_us;
}

/* POOL.METHOD.ROUTE.CLASS:VALUE|TYPE, as app/measure.c writes it. */
static bool take_request(struct measurements *measured, bool timed, char *text)
{
    char pool[MEASURED_NAME_BYTES], method[MEASURED_NAME_BYTES], route[MEASURED_NAME_BYTES], name[MEASURED_NAME_BYTES];
    struct tally *tallies[2];
    double value;
    int class;

    if (sscanf(text, "%63[^.].%63[^.].%63[^.].%1dxx:%lf|", pool, method, route, &class, &value) != 5 || class < 1 ||
        class >= MEASURED_CLASSES || value < 0 || value > 1e9)
        return false;
    snprintf(name, sizeof name, "%.10s %.50s", method, route);
    tallies[0] = find(&measured->pools, pool);
    tallies[1] = find(&measured->routes, name);
    for (size_t i = 0; i < 2; i++) {
        if (tallies[i] != NULL && timed)
            add_time(tallies[i], (int64_t)(value * 1000));
        else if (tallies[i] != NULL)
            add_request(tallies[i], class);
    }
    return true;
}

/* POOL.hit:1|c */
static bool take_cache(struct measurements *measured, char *text)
{
    char pool[MEASURED_NAME_BYTES], result[MEASURED_NAME_BYTES];
    struct tally *tally;

    if (sscanf(text, "%63[^.].%63[^:]:1|c", pool, result) != 2)
        return false;
    tally = find(&measured->pools, pool);
    if (tally == NULL)
        return true;
    if (strcmp(result, "hit") == 0)
        tally->hits++;
    else
        tally->misses++;
    return true;
}

static void take_line(struct measurements *measured, char *line)
{
    const char *prefix = measured->prefix;
    size_t length = strlen(prefix);
    bool known = strncmp(line, prefix, length) == 0 && line[length] == '.';

    line += known ? length + 1 : 0;
    if (known && strncmp(line, "requests.", 9) == 0)
        known = take_request(measured, false, line + 9);
    else if (known && strncmp(line, "time.", 5) == 0)
        known = take_request(measured, true, line + 5);
    else
        known = known && strncmp(line, "cache.", 6) == 0 && take_cache(measured, line + 6);
    measured->not_understood += !known;
}

void measurements_take(struct measurements *measured)
{
    char packet[STATSD_PACKET_BYTES + 1];
    ssize_t length;

    while ((length = recv(measured->socket, packet, sizeof packet - 1, MSG_DONTWAIT)) > 0) {
        char *rest = packet, *line;

        packet[length] = '\0';
        while ((line = strsep(&rest, "\n")) != NULL)
            if (line[0] != '\0')
                take_line(measured, line);
    }
}

/* Removes the socket of a collector that was killed: no process uses it, so a connection to it is refused. */
static void remove_stale(const struct sockaddr_storage *address, socklen_t length)
{
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct stat status;

    if (probe >= 0 && lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        connect(probe, (const struct sockaddr *)address, length) < 0 && errno == ECONNREFUSED)
        unlink(path);
    if (probe >= 0)
        close(probe);
}

static bool listen_at(struct measurements *measured, const char *where, socklen_t length, struct err *err)
{
    const struct sockaddr_storage *address = &measured->address;
    bool by_path = address->ss_family == AF_UNIX;

    if (by_path)
        remove_stale(address, length);
    measured->socket = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (measured->socket < 0 || bind(measured->socket, (const struct sockaddr *)address, length) < 0)
        return err_set(err, ERR_INPUT, "%s: %s%s", where, strerror(errno),
                       errno == EADDRINUSE ? "; another collector has it" : "");
    if (!by_path)
        return true;
    measured->path = ((const struct sockaddr_un *)address)->sun_path;
    /* Workers of any user may write to it. */
    return chmod(measured->path, 0666) == 0 || err_set(err, ERR_INPUT, "%s: %s", where, strerror(errno));
}

void measurements_open(struct measurements *measured, const struct config *config, const char *config_path)
{
    const char *where = config->statsd;
    struct err err = {.kind = ERR_NONE};
    socklen_t length;

    *measured = (struct measurements){.prefix = config->statsd_prefix, .socket = -1};
    measured->pools.most = MEASURED_POOLS_MAX;
    measured->routes.most = MEASURED_ROUTES_MAX;

    if (where[0] == '\0') {
        snprintf(measured->note, sizeof measured->note,
                 "statsd is not set in %.150s, so workers do not report their load", config_path);
    } else if (!statsd_address(where, &measured->address, &length, &err) || !listen_at(measured, where, length, &err)) {
        snprintf(measured->note, sizeof measured->note, "%.200s", err.detail);
        if (measured->socket >= 0)
            close(measured->socket);
        measured->socket = -1;
    }
}

void measurements_forget(struct measurements *measured)
{
    measured->pools.count = measured->routes.count = 0;
    measured->not_understood = 0;
}

void measurements_close(struct measurements *measured)
{
    if (measured->socket >= 0)
        close(measured->socket);
    if (measured->path != NULL)
        unlink(measured->path);
}
