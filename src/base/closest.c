#include "base/closest.h"

#include <stdint.h>
#include <string.h>

/* A shorter beginning would match too much. */
enum { PREFIX_LEAST = 2 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t edit_distance(const char *from, const char *to)
{
    size_t from_length = strlen(from), to_length = strlen(to);
    /*
     * Three rows of the table: the distances between the prefixes of i, i - 1 and i - 2 bytes and each prefix of `to`.
     */
    size_t rows[3][CLOSEST_WORD_BYTES + 1];
    size_t *earlier = rows[0], *before = rows[1], *row = rows[2];

    if (from_length > CLOSEST_WORD_BYTES || to_length > CLOSEST_WORD_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= to_length; j++)
        row[j] = earlier[j] = before[j] = j;
    for (size_t i = 1; i <= from_length; i++) {
        size_t *spare = earlier;

        earlier = before;
        before = row;
        row = spare;
        row[0] = i;
        for (size_t j = 1; j <= to_length; j++) {
            row[j] = before[j - 1] + (from[i - 1] != to[j - 1]);
            row[j] = least(row[j], least(before[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                row[j] = least(row[j], earlier[j - 2] + 1);
        }
    }
    return row[to_length];
}

void closest_init(struct closest *closest, const char *word)
{
    *closest = (struct closest){.word = word, .distance = SIZE_MAX};
}

void closest_offer(struct closest *closest, const char *candidate)
{
    size_t length = strlen(closest->word), distance = edit_distance(closest->word, candidate);
    size_t most = length / 3 > 0 ? length / 3 : 1;

    /* A word that is broken off counts as one mistake, however much is missing. */
    if (length >= PREFIX_LEAST && strncmp(closest->word, candidate, length) == 0)
        distance = least(distance, 1);
    /* Of a word of one or two bytes nothing would be left. */
    if (distance > most || distance >= length || distance >= closest->distance)
        return;
    closest->best = candidate;
    closest->distance = distance;
}
