/* How much of something limited each account or address has: amounts by key, in one table of a fixed size. */
#ifndef MAYFLY_APP_SHARES_H
#define MAYFLY_APP_SHARES_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_KEY_BYTES = 16 };

struct share {
    unsigned char key[SHARE_KEY_BYTES];
    uint64_t amount; /* 0: a free place */
};

struct shares {
    struct share *places;
    size_t size; /* a power of two, at least twice as many as there can be keys at a time */
    uint64_t most_per_key;
    uint64_t seed; /* so that nobody can choose keys that meet */
};

/* False: memory is out. At most `most` keys have something at a time. */
bool shares_init(struct shares *, size_t most, uint64_t most_per_key, uint64_t seed) MUST_CHECK;
void shares_free(struct shares *);

/* False: with this amount, which is not 0, the key would have more than it may. One that has nothing may take any amount. */
bool shares_take(struct shares *, const unsigned char key[SHARE_KEY_BYTES], uint64_t amount) MUST_CHECK;

/* Gives back what was taken. */
void shares_give(struct shares *, const unsigned char key[SHARE_KEY_BYTES], uint64_t amount);

#endif
