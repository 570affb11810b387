/*
 * Takes a log-in from mayfly's home to a site at another host. The home makes a visit's token (base/visit.h) and seals
 * it into a ticket, which the browser carries to the site, where it becomes a cookie.
 *
 *   site: refused, COOKIE_WAY is set --way, with a digest of that cookie--> home: log-in
 *   home --ticket, with the same digest--> site: COOKIE_VISIT is set
 *
 * Nothing is stored, so a repeated step, also by another worker, has the same result. A ticket is valid for
 * TICKET_LIFE_S, at the host it was made for, and in the browser with the cookie that was set at the beginning: it is
 * useless to anybody who reads it in a log, or makes another person open it.
 */
#ifndef MAYFLY_APP_GATE_TICKET_H
#define MAYFLY_APP_GATE_TICKET_H

#include "app/gate/way.h"

enum { TICKET_LIFE_S = 30 };

/*
 * At the site: the digest that ties a way to this browser, which gets a cookie for it unless it has one. NULL: an error
 * is set.
 */
const char *ticket_tie(struct exchange *, struct err *);

/*
 * At home, for x's session: the address at the site that redeems the ticket. NULL: memory is out, or no visit can be
 * there.
 */
const char *ticket_make(struct exchange *, const struct way *);

/*
 * At the site: gives the visit's token, and the address to continue to. ERR_VALUE, ERR_DENIED: the ticket is for
 * another browser or another host.
 */
bool ticket_redeem(struct exchange *, const char *sealed, const char **token, const char **url,
                   struct err *) MUST_CHECK;

#endif
