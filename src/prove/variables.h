/* The variables of one pass through a scenario: {{name}} and what it stands for, a text. */
#ifndef MAYFLY_PROVE_VARIABLES_H
#define MAYFLY_PROVE_VARIABLES_H

#include "prove/scenario.h"

enum {
    VARIABLES_MAX = 128,
    VARIABLE_BYTES_MAX = 64 * 1024, /* what an answer gives; a token is shorter */
};

struct variable {
    const char *name; /* borrowed */
    char *bytes;      /* malloc; a NUL follows */
    size_t length;
};

/* Zero is empty. Free it with variables_free. */
struct variables {
    struct variable list[VARIABLES_MAX];
    size_t count;
};

void variables_free(struct variables *);

/* Sets it or sets it anew. name is borrowed, bytes are copied. ERR_LARGE beyond a limit above. */
bool variables_set(struct variables *, const char *name, const char *bytes, size_t length, struct err *) MUST_CHECK;

/* NULL: there is none of this name. */
const struct variable *variables_get(const struct variables *, const char *name);

/*
 * The text with its variables' values, in the arena; a NUL follows that does not count. ERR_ABSENT names a variable
 * that has no value yet.
 */
bool variables_fill(const struct variables *, const struct scenario_text *, struct arena *, const char **bytes,
                    size_t *length, struct err *) MUST_CHECK;

#endif
