/*
 * From mayfly's home to a site at another host. The home makes a visit's token (base/visit.h) and seals it into a
 * ticket, which the browser carries to the site, where it becomes a cookie.
 *
 *   site: refused, COOKIE_WAY is set --way, with a digest of that cookie--> home: log-in
 *   home --ticket, with the same digest--> site: COOKIE_VISIT is set
 *
 * Nothing is kept of any of them, so a step that is repeated, by another worker too, does the same again. A ticket is
 * good for TICKET_LIFE_S, at the host it was made for, and in the browser that has the cookie which the way began with:
 * to whoever else sees it in a log, or makes somebody open it, it is nothing.
 */
#ifndef MAYFLY_APP_GATE_TICKET_H
#define MAYFLY_APP_GATE_TICKET_H

#include "app/gate/way.h"

enum { TICKET_LIFE_S = 30 };

/*
 * At the site: what ties a way to this browser, which gets a cookie for it unless it has one. NULL, with an error, or
 * the digest.
 */
const char *ticket_tie(struct exchange *, struct err *);

/*
 * At home, for x's session: the address at the site that redeems the ticket. NULL: memory is out, or no visit can be
 * there.
 */
const char *ticket_make(struct exchange *, const struct way *);

/*
 * At the site: the visit's token, and where to go on. ERR_VALUE, ERR_DENIED: it is another browser's or another host's.
 */
bool ticket_redeem(struct exchange *, const char *sealed, const char **token, const char **url,
                   struct err *) MUST_CHECK;

#endif
