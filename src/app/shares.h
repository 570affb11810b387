/* Amounts by key in a table of fixed size: how much of a limited resource each account or address uses. */
#ifndef MAYFLY_APP_SHARES_H
#define MAYFLY_APP_SHARES_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_KEY_BYTES = 16 };

struct share {
    unsigned char key[SHARE_KEY_BYTES];
    uint64_t amount; /* 0: the place is free */
};

struct shares {
    struct share *places;
    size_t size; /* a power of two, at least twice the greatest number of keys */
    uint64_t most_per_key;
    uint64_t seed; /* random, so that nobody can choose keys that collide */
};

/* False: memory is out. At most `most` keys have an amount at a time. */
bool shares_init(struct shares *, size_t most, uint64_t most_per_key, uint64_t seed) MUST_CHECK;
void shares_free(struct shares *);

/*
 * Takes an amount, which is not 0. False: the key would have more than it may. A key that has nothing may take any
 * amount.
 */
bool shares_take(struct shares *, const unsigned char key[SHARE_KEY_BYTES], uint64_t amount) MUST_CHECK;

/* Gives back what was taken. */
void shares_give(struct shares *, const unsigned char key[SHARE_KEY_BYTES], uint64_t amount);

#endif
