#include "base/statsd.h"

#include "base/decimal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { HOST_BYTES = 64, LINE_BYTES = STATSD_NAME_BYTES + 32 };

static bool unix_address(const char *path, struct sockaddr_storage *address, socklen_t *length, struct err *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)address;

    if (path[0] != '/' || strlen(path) >= sizeof un->sun_path)
        return err_set(err, ERR_INPUT, "statsd: unix: wants a path of at most %zu characters that begins with /",
                       sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    *length = sizeof *un;
    return true;
}

static bool internet_address(const char *where, struct sockaddr_storage *address, socklen_t *length, struct err *err)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM};
    const char *colon = strrchr(where, ':');
    int64_t port; /* getaddrinfo takes any number */
    char host[HOST_BYTES];
    size_t host_length = colon != NULL ? (size_t)(colon - where) : 0;
    struct addrinfo *found = NULL;

    if (host_length >= 2 && where[0] == '[' && where[host_length - 1] == ']') {
        where++;
        host_length -= 2;
    }
    if (host_length > 0 && host_length < sizeof host && decimal_parse(colon + 1, 1, UINT16_MAX, &port)) {
        memcpy(host, where, host_length);
        host[host_length] = '\0';
        if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
            found = NULL;
    }
    if (found == NULL)
        return err_set(err, ERR_INPUT, "statsd: say unix:/path or ADDRESS:PORT, such as 127.0.0.1:8125; no host names");
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool statsd_address(const char *where, struct sockaddr_storage *address, socklen_t *length, struct err *err)
{
    memset(address, 0, sizeof *address);
    return strncmp(where, "unix:", 5) == 0 ? unix_address(where + 5, address, length, err)
                                           : internet_address(where, address, length, err);
}

bool statsd_open(struct statsd *statsd, const char *where, struct err *err)
{
    *statsd = (struct statsd){.wanted = false};
    if (where[0] == '\0')
        return true;
    if (!statsd_address(where, &statsd->address, &statsd->address_length, err))
        return false;
    statsd->fd = socket(statsd->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (statsd->fd < 0)
        return err_set(err, ERR_INPUT,
                       "statsd: %s: %s; a unit without a network (tcp.conf gives it one) wants unix:/path", where,
                       strerror(errno));
    statsd->wanted = true;
    return true;
}

void statsd_close(struct statsd *statsd)
{
    statsd_flush(statsd);
    if (statsd->wanted)
        close(statsd->fd);
    statsd->wanted = false;
}

/* Sent by address each time, since a collector that was restarted has a new socket at the old path. */
void statsd_flush(struct statsd *statsd)
{
    if (statsd->length > 0 && sendto(statsd->fd, statsd->packet, statsd->length, MSG_DONTWAIT | MSG_NOSIGNAL,
                                     (const struct sockaddr *)&statsd->address, statsd->address_length) < 0)
        errno = 0; /* a lost datagram is not an error with StatsD */
    statsd->length = 0;
}

static void add(struct statsd *statsd, const char *line, int length)
{
    if (length <= 0 || length >= LINE_BYTES)
        return;
    if (statsd->length + (size_t)length > sizeof statsd->packet)
        statsd_flush(statsd);
    memcpy(statsd->packet + statsd->length, line, (size_t)length);
    statsd->length += (size_t)length;
}

void statsd_time(struct statsd *statsd, const char *name, int64_t duration_us)
{
    char line[LINE_BYTES];

    if (statsd->wanted)
        add(statsd, line,
            snprintf(line, sizeof line, "%s:%lld.%03d|ms\n", name, (long long)duration_us / 1000,
                     (int)(duration_us % 1000)));
}

void statsd_count(struct statsd *statsd, const char *name)
{
    char line[LINE_BYTES];

    if (statsd->wanted)
        add(statsd, line, snprintf(line, sizeof line, "%s:1|c\n", name));
}
