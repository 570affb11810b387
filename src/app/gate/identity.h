/*
 * Who somebody is, as headers of an answer that nginx passes on to an app: X-Auth-User, -Id, -Email, -Name, -Groups and
 * -Method. All are always there, and empty when it is not known, so that none that a client sent is left over.
 *
 * A value is as it is when it is made of printable ASCII, else an ext-value of RFC 8187: UTF-8''J%C3%BCrgen. Of groups
 * each is one of its own; there is room for so many bytes of them, and those that find none are left out.
 */
#ifndef MAYFLY_APP_GATE_IDENTITY_H
#define MAYFLY_APP_GATE_IDENTITY_H

#include "app/exchange.h"

/*
 * All that mayflyctl gives to somebody, 64 of 64 characters. An app's server takes some 8 kB for one header, and 16 for
 * all.
 */
enum { IDENTITY_GROUPS_BYTES = 64 * 65 - 1 };

/* Of x's session, or of nobody. */
bool identity_headers(struct exchange *, struct err *) MUST_CHECK;

/* The same of x's session as a body of JSON, for scripts: {"user", "id", "email", "name", "groups"}. */
bool identity_json(struct exchange *, struct err *) MUST_CHECK;

/* One value, to out. */
bool identity_value(struct buf *out, const char *text) MUST_CHECK;

#endif
