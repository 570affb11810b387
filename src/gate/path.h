/*
 * The path of a request, if it can be read in one way only. nginx, an app and the server of its framework each decode
 * paths in their own way, so a rule for a path holds only for requests whose path all of them read in the same way.
 */
#ifndef MAYFLY_GATE_PATH_H
#define MAYFLY_GATE_PATH_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* nginx's large_client_header_buffers have 8 kB for the whole line; the addresses of apps are much shorter. */
enum { PATH_BYTES = 2048 };

/*
 * Decodes the path of a request's target, as the client sent it and up to its '?', once. False, with "" in plain, when
 * it can be read in two ways: it does not begin with '/', or has
 *   an empty segment before its last one ("//"), which some servers merge;
 *   a segment that ends with a dot or a space, which Windows drops: "." and ".." above all;
 *   ';', where Java's servers cut a segment off, '\', '#', '?' or a further '%' or '/' that was encoded;
 *   a control character, bytes that are not UTF-8, or characters that a compatibility form makes one of the above of;
 *   PATH_BYTES or more.
 */
bool path_plain(const char *target, size_t length, char plain[PATH_BYTES]) MUST_CHECK;

/*
 * Whether a plain path matches a pattern, which is a plain path too: a pattern that ends with '/' stands for all paths
 * under it, a segment "*" for any one segment that is not empty. Case counts.
 */
bool path_matches(const char *pattern, const char *plain);

#endif
