/*
 * A visit: it logs a session that was made at mayfly's home in at a site on another host. Its token is "mfv_" +
 * base64url(16-byte id of the session + MAC), and the MAC is of the session's id and hash and of the host, with the
 * installation's secret. So no visit is stored. It is valid as long as its session, for that host only, and neither a
 * dump of the database nor the secret alone is enough to make one.
 */
#ifndef MAYFLY_BASE_VISIT_H
#define MAYFLY_BASE_VISIT_H

#include "base/secret.h"
#include "base/token.h"

enum { VISIT_TEXT_BYTES = 4 + 64 + 1 /* prefix, 48 bytes in base64url, NUL */ };

/* The host for which visits are checked. */
struct visit_scope {
    const struct secret *secret;
    const char *host; /* lower case, without a port, since cookies have none; NULL: no visit is valid */
};

struct visit {
    struct uuid session;
    unsigned char mac[SECRET_MAC_BYTES];
};

void visit_make(const struct visit_scope *, const struct uuid *session, const unsigned char hash[TOKEN_HASH_BYTES],
                char text[VISIT_TEXT_BYTES]);

/* Reads exactly one of length characters; false for anything else. */
bool visit_parse(const char *text, size_t length, struct visit *);

/* In constant time, with any key of the secret: whether it is of the session with this hash, and of this scope. */
bool visit_fits(const struct visit *, const struct visit_scope *, const unsigned char hash[TOKEN_HASH_BYTES]);

#endif
