/*
 * JSON as PostgreSQL's jsonb keeps it: members in the order of their names' lengths, then bytes, each name once;
 * numbers in plain decimals, digit for digit. So the database returns the same text that it was given, and its length
 * is known before any SQL.
 */
#ifndef MAYFLY_BASE_JSONB_H
#define MAYFLY_BASE_JSONB_H

#include "base/arena.h"
#include "base/err.h"

enum {
    /* Deeper documents only cost time. It also bounds the recursion of every function here. */
    JSONB_MAX_DEPTH = 32,
    /* The most digits that numeric has after its point; more would be an error of the database. */
    JSONB_MAX_SCALE = 16383,
    /* Digits before the point of the largest double: JSON is read by programs that have no larger numbers. */
    JSONB_MAX_WEIGHT = 309,
};

enum jsonb_kind { JSONB_NULL, JSONB_FALSE, JSONB_TRUE, JSONB_NUMBER, JSONB_STRING, JSONB_ARRAY, JSONB_OBJECT };

struct jsonb {
    struct jsonb *next;  /* of the same array or object */
    struct jsonb *first; /* of an array or object; members are in order */
    const char *name;    /* of a member; decoded, not terminated */
    const char *text;    /* of a number or a string; the same */
    size_t name_length;
    size_t length;
    enum jsonb_kind kind;
};

/*
 * Reads an object; the tree borrows from text. ERR_INPUT with line and column, also for a number that can't be kept.
 * ERR_VALUE when it is not an object. ERR_LARGE when its numbers alone, written out, have more than most bytes:
 * 1e-16383 has eight bytes, and 16,385 when it is written out.
 */
bool jsonb_read(struct arena *, const char *text, size_t length, size_t most, struct jsonb **, struct err *) MUST_CHECK;

/*
 * The result of a merge patch (RFC 7396), made of both trees, which must not be used afterwards. target may be NULL:
 * there is no document yet.
 */
struct jsonb *jsonb_merge(struct jsonb *target, struct jsonb *patch);

/* The length of the text that PostgreSQL writes it as. */
size_t jsonb_size(const struct jsonb *);

/* That text; NULL when memory is out. */
char *jsonb_write(struct arena *, const struct jsonb *) MUST_CHECK;

/* By length, then by bytes: below, equal to or above 0. */
int jsonb_compare_names(const struct jsonb *, const struct jsonb *);

/*
 * A number from its text, which follows JSON's grammar: in plain decimals, borrowed when the text is in them already.
 */
bool jsonb_number(struct arena *, const char *text, size_t length, size_t most, struct jsonb *,
                  struct err *) MUST_CHECK;

#endif
