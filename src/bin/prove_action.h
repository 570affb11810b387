/*
 * mayflyctl prove, its kinds of request: how each is asked, which answer it should have, and what this or another answer says
 * about the promises.
 */
#ifndef MAYFLY_BIN_PROVE_ACTION_H
#define MAYFLY_BIN_PROVE_ACTION_H

#include "bin/prove_client.h"

/* What one kind of request is. */
struct action {
    const char *name;
    const char *method;
    long wanted;
    bool heavy;   /* the site verifies a password */
    bool session; /* it is about sessions[at] */
    bool change;  /* it has an Idempotency-Key */
    /* Fills path, body and the like; NULL when there is nothing but the path. */
    const char *path;
    void (*fill)(struct prove *, struct prove_client *, struct prove_request *);
    void (*done)(struct prove *, struct prove_client *, const struct prove_answer *);
    void (*refused)(struct prove *, struct prove_client *, const struct prove_answer *);
    void (*unknown)(struct prove *, struct prove_client *);
};

/* Of any kind but ACTION_NONE. */
const struct action *action_of(enum action_kind);

/* The session that the client's action is about. */
struct ledger_session *action_session(const struct prove_client *);

/* No secret depends on these numbers, and a seed repeats the run as far as answers come alike. */
uint64_t prove_random(struct prove *);
size_t prove_random_below(struct prove *, size_t bound);
int64_t prove_random_around(struct prove *, int64_t average_us); /* from a half to three halves */

#endif
