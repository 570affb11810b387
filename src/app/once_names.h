/* The keys under which once.c stores and finds outcomes. */
#ifndef MAYFLY_APP_ONCE_NAMES_H
#define MAYFLY_APP_ONCE_NAMES_H

#include "app/exchange.h"
#include "store/outcome.h"

/* Two by each key of the secret. */
enum { ONCE_NAMES_MAX = 2 * SECRET_KEYS_MAX };

/*
 * The keys under which the outcome of a request is stored and found. The first one counts for the account. It is bound
 * to the owner of the request, so a client that has logged in anew finds the outcome of what it did before. The second
 * one is bound to the token of the request: a request that has ended its own session is repeated with a token that
 * names no account any more. The release before uses only the second one, so each of the two releases finds what the
 * other has done. Both are made with the first key of the secret. The rest are the same two made with its other keys,
 * one of which is the first of another worker while the secret is rotated.
 */
struct once_names {
    struct outcome_key keys[ONCE_NAMES_MAX];
    bool has_outcome[ONCE_NAMES_MAX];
    size_t count;
    size_t kept; /* the outcome is stored under so many of them: those by the first key of the secret */
};

/* Makes the keys. Reads the body, which belongs to the fingerprint. ERR_INPUT: the Idempotency-Key is not valid. */
bool once_names_make(struct exchange *, struct once_names *, struct err *) MUST_CHECK;

/* Gives the indexes of the keys in the order of their bytes. */
void once_names_sort(const struct once_names *, size_t order[ONCE_NAMES_MAX]);

#endif
