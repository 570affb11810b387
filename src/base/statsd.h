/*
 * Measurements as StatsD datagrams, since a worker keeps no counters. Nothing waits for the collector, and datagrams
 * that it does not take are lost. Lines are gathered into one datagram until it is full or statsd_flush sends it.
 */
#ifndef MAYFLY_BASE_STATSD_H
#define MAYFLY_BASE_STATSD_H

#include "base/err.h"

#include <stddef.h>
#include <sys/socket.h>

enum {
    /* The payload of one Ethernet frame, as StatsD's manual advises. */
    STATSD_PACKET_BYTES = 1432,
    STATSD_NAME_BYTES = 256,
};

struct statsd {
    bool wanted; /* else nothing is open, as in one that is all zeroes */
    int fd;
    struct sockaddr_storage address;
    socklen_t address_length;
    char packet[STATSD_PACKET_BYTES];
    size_t length;
};

/*
 * where is "" for no collector, unix:/path, or ADDRESS:PORT ([ADDRESS]:PORT for IPv6). Host names are not accepted,
 * since a worker must not wait for a name server. ERR_INPUT says what is accepted.
 */
bool statsd_open(struct statsd *, const char *where, struct err *) MUST_CHECK;
void statsd_close(struct statsd *);

/* The same text as an address, for a collector. */
bool statsd_address(const char *where, struct sockaddr_storage *, socklen_t *length, struct err *) MUST_CHECK;

/* A duration in microseconds, sent as milliseconds with their fraction; an event. name is below STATSD_NAME_BYTES. */
void statsd_time(struct statsd *, const char *name, int64_t duration_us);
void statsd_count(struct statsd *, const char *name);

void statsd_flush(struct statsd *);

#endif
