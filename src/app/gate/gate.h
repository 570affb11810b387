/* The gate: whether a request that nginx asks about may pass at its site. */
#ifndef MAYFLY_APP_GATE_GATE_H
#define MAYFLY_APP_GATE_GATE_H

#include "app/exchange.h"

/* Readies x->site for a route that is AT_SITE, to be looked up. ERR_ABSENT: nginx did not say for what it asks. */
bool gate_prepare(struct exchange *, struct err *) MUST_CHECK;

/* What is known of who asks, and of the request as nginx told it. */
bool gate_facts(struct exchange *, struct rules_facts *, struct err *) MUST_CHECK;

/*
 * Judges the request by the rules of its site and by the rule that nginx narrows them with: both have to let it pass.
 * Without a site, or with rules that can't be read, it is RULES_FORBIDDEN, and a line of the log says what to do. The
 * error is why it can't be known now.
 */
bool gate_judge(struct exchange *, struct rules_judgement *, struct err *) MUST_CHECK;

/* The site that was found, or NULL. */
const struct site_pass *gate_site(const struct exchange *);

/* The host of a request of a route that is AT_SITE; "" of any other, which is at mayfly's home. */
const char *gate_host(const struct exchange *);

#endif
