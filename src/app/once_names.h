/* The keys under which once.c keeps and finds what a request has done. */
#ifndef MAYFLY_APP_ONCE_NAMES_H
#define MAYFLY_APP_ONCE_NAMES_H

#include "app/exchange.h"
#include "store/outcome.h"

/* Two by each key of the secret. */
enum { ONCE_NAMES_MAX = 2 * SECRET_KEYS_MAX };

/*
 * The keys under which one request's outcome is kept and found. The first one counts: it is bound to whom the request is
 * about, so a client that logged in anew meets what it has done before. The second one is bound to the token that was presented:
 * a request that ended its own session is repeated with a dead one, which tells no account; and the release before knows no
 * other, so that what one of the two releases has done is found by the other. Both are made by the secret's first key; the rest
 * are the same two by its other keys, one of which is the first of another worker while the secret is rotated.
 */
struct once_names {
    struct outcome_key keys[ONCE_NAMES_MAX];
    bool has_outcome[ONCE_NAMES_MAX];
    size_t count;
    size_t kept; /* under so many of them the outcome is kept: those by the secret's first key */
};

/* Reads the request's body, which counts. ERR_INPUT: its Idempotency-Key can't be one. */
bool once_names_make(struct exchange *, struct once_names *, struct err *) MUST_CHECK;

/* The places of the keys in the order of their bytes. */
void once_names_sort(const struct once_names *, size_t order[ONCE_NAMES_MAX]);

#endif
