/*
 * Where a site is: scheme, host and port, which are an origin (RFC 6454), and the prefix of the paths beneath which it
 * has all. In one spelling, so that they can be compared.
 */
#ifndef MAYFLY_GATE_ORIGIN_H
#define MAYFLY_GATE_ORIGIN_H

#include "base/err.h"

enum {
    ORIGIN_HOST_BYTES = 254, /* RFC 1035: 253 characters, and the NUL */
    ORIGIN_PREFIX_BYTES = 256,
    ORIGIN_TEXT_BYTES = 8 + ORIGIN_HOST_BYTES + 6 + 3 * ORIGIN_PREFIX_BYTES, /* https://host:65535/prefix/, escaped */
};

struct origin {
    bool is_https;
    char host[ORIGIN_HOST_BYTES]; /* lower case, without a dot at its end; an IPv6 address in brackets */
    int port;
    char prefix[ORIGIN_PREFIX_BYTES]; /* begins and ends with '/', decoded: a plain path (gate/path.h) */
};

/*
 * "https://git.example.org", with ":8443" and a prefix such as "/wiki/" or without. ERR_VALUE says what to write. http
 * is taken where browsers take it for safe, of names beneath localhost and of addresses of this host.
 */
bool origin_read(const char *text, struct origin *, struct err *) MUST_CHECK;

/* As it is shown, and read again: without the port that the scheme has anyway, and without a prefix of "/". */
void origin_format(const struct origin *, char text[ORIGIN_TEXT_BYTES]);

/*
 * Where a URL asks: its origin, with a prefix of "/", and from its path on what a client sends as the target. ERR_VALUE
 * as above.
 */
bool origin_of_url(const char *url, struct origin *, const char **target, struct err *) MUST_CHECK;

/*
 * Which of the prefixes, all of one origin, has the target of a request: the longest one. -1: none, or it can't be
 * told, since the path can be read in two ways and there is more than the prefix "/".
 */
int origin_choose(const char *const *prefixes, int count, const char *target);

#endif
