/* The word that was probably meant, for "did you mean": the candidate with the fewest typing mistakes. */
#ifndef MAYFLY_BASE_CLOSEST_H
#define MAYFLY_BASE_CLOSEST_H

#include "base/attr.h"

#include <stddef.h>

/* Longer words are not compared; commands, options and settings are shorter. */
enum { CLOSEST_WORD_BYTES = 64 };

/*
 * How many bytes have to be added, removed or replaced, or exchanged with their neighbour, to turn one word into the
 * other (optimal string alignment). SIZE_MAX when one of them is longer than CLOSEST_WORD_BYTES.
 */
size_t edit_distance(const char *, const char *);

/* Words are borrowed. */
struct closest {
    const char *word;
    const char *best; /* NULL: no candidate is near enough */
    size_t distance;  /* of best */
};

void closest_init(struct closest *, const char *word);

/*
 * Takes the candidate as the best one when it is nearer than the others. It is near enough when at most one byte of
 * three is wrong, or when the word is its beginning. Of two that are equally near the first one stays.
 */
void closest_offer(struct closest *, const char *candidate);

#endif
