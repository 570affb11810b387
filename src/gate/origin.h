/*
 * The address of a site: scheme, host and port, which are an origin (RFC 6454), and a prefix, under which all paths
 * belong to it. All have one spelling, so that they can be compared.
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
 * is accepted where browsers treat it as secure: for names under localhost and for addresses of this host.
 */
bool origin_read(const char *text, struct origin *, struct err *) MUST_CHECK;

/*
 * Writes the origin as it is shown and can be read again: without the scheme's own port, and without a prefix of "/".
 */
void origin_format(const struct origin *, char text[ORIGIN_TEXT_BYTES]);

/*
 * Splits a URL into its origin, with a prefix of "/", and the target that a client sends, from the path on. ERR_VALUE
 * as above.
 */
bool origin_of_url(const char *url, struct origin *, const char **target, struct err *) MUST_CHECK;

/*
 * The index of the longest prefix, of several at one origin, that contains the target of a request. -1: none does, or
 * the path can be read in two ways and there is another prefix than "/".
 */
int origin_choose(const char *const *prefixes, int count, const char *target);

#endif
