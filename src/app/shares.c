#include "app/shares.h"

#include <stdlib.h>
#include <string.h>

bool shares_init(struct shares *shares, size_t most, uint64_t most_per_key, uint64_t seed)
{
    *shares = (struct shares){.size = 16, .most_per_key = most_per_key, .seed = seed | 1};
    while (shares->size < 2 * most)
        shares->size *= 2;
    shares->places = calloc(shares->size, sizeof *shares->places);
    return shares->places != NULL;
}

void shares_free(struct shares *shares)
{
    free(shares->places);
    shares->places = NULL;
}

static size_t home(const struct shares *shares, const unsigned char key[SHARE_KEY_BYTES])
{
    uint64_t halves[2], mixed;

    memcpy(halves, key, sizeof halves);
    mixed = (halves[0] ^ shares->seed) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 32) ^ halves[1]) * shares->seed;
    return (size_t)(mixed ^ (mixed >> 29)) & (shares->size - 1);
}

/* The index of the key, or the free one that it would get. */
static size_t find(const struct shares *shares, const unsigned char key[SHARE_KEY_BYTES])
{
    size_t at = home(shares, key);

    while (shares->places[at].amount > 0 && memcmp(shares->places[at].key, key, SHARE_KEY_BYTES) != 0)
        at = (at + 1) & (shares->size - 1);
    return at;
}

bool shares_take(struct shares *shares, const unsigned char key[SHARE_KEY_BYTES], uint64_t amount)
{
    struct share *share = &shares->places[find(shares, key)];

    if (share->amount > 0 && (share->amount >= shares->most_per_key || amount > shares->most_per_key - share->amount))
        return false;
    memcpy(share->key, key, SHARE_KEY_BYTES);
    share->amount += amount;
    return true;
}

/* Moves entries behind a place that became free to where they are looked for, up to the next free place. */
static void close_gap(struct shares *shares, size_t gap)
{
    for (size_t at = (gap + 1) & (shares->size - 1); shares->places[at].amount > 0;
         at = (at + 1) & (shares->size - 1)) {
        struct share moved = shares->places[at];

        shares->places[at].amount = 0;
        shares->places[find(shares, moved.key)] = moved;
    }
}

void shares_give(struct shares *shares, const unsigned char key[SHARE_KEY_BYTES], uint64_t amount)
{
    size_t at = find(shares, key);

    shares->places[at].amount -= amount;
    if (shares->places[at].amount == 0)
        close_gap(shares, at);
}
