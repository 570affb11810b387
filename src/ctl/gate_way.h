/* mayflyctl gate prove: the way of a browser from a site to the log-in at mayfly's home, and back. */
#ifndef MAYFLY_CTL_GATE_WAY_H
#define MAYFLY_CTL_GATE_WAY_H

#include "ctl/gate_proof.h"

struct gate_way {
    const char *home; /* where it leads: an address */
    const char *tie;  /* the cookies that the site has set for it, as Cookie has them; "" for none */
    const char
        *ticket;     /* the target at the site that redeems a ticket; NULL: there is none, the site has home's host */
    const char *end; /* where it leads in the end: an address */
};

/* Of Set-Cookie fields, as Cookie has them, behind those that there are. NULL: memory is out. */
const char *gate_cookies(const struct gate_proof *, const struct prove_answer *, const char *before);

/* Logs in at the home. ERR_DENIED: it does not take the account. */
bool gate_log_in(struct gate_proof *, struct gate_visitor *, struct err *) MUST_CHECK;

/*
 * Begins a way at a place, as a guest; with a session's token it goes on, up to a ticket. *found: whether each step led
 * to the next one; otherwise trouble says what came instead.
 */
bool gate_way_begin(struct gate_proof *, const struct gate_place *, struct gate_way *, bool *found,
                    const char **trouble, struct err *) MUST_CHECK;
bool gate_way_ticket(struct gate_proof *, const struct gate_place *, const struct gate_visitor *, struct gate_way *,
                     bool *found, const char **trouble, struct err *) MUST_CHECK;

/* The whole way of somebody who is logged in: sets the visitor's cookie, or leaves it NULL, with trouble. */
bool gate_visit(struct gate_proof *, const struct gate_place *, struct gate_visitor *, const char **trouble,
                struct err *) MUST_CHECK;

#endif
