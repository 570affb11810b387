/*
 * What a query finds in an answer: a value, with its type, and what the filters and predicates of scenarios do with it.
 */
#ifndef MAYFLY_PROVE_SCENARIO_VALUE_H
#define MAYFLY_PROVE_SCENARIO_VALUE_H

#include "http/json.h"
#include "prove/scenario_answer.h"

enum found_kind {
    FOUND_NOTHING, /* it is not there */
    FOUND_NULL,
    FOUND_BOOLEAN,
    FOUND_NUMBER,
    FOUND_TEXT, /* or bytes that are no text */
    FOUND_LIST, /* a JSON array or object */
};

struct found {
    enum found_kind kind;
    bool yes;
    double number;
    bool is_integer; /* as written: 1.0 is none */
    const char *bytes;
    size_t length;
    const json_t *list; /* released with the arena */
};

/* What queries look at. */
struct look {
    const struct scenario_answer *answer;
    const struct variables *variables;
    struct arena *arena;
};

/* Runs the query with its filters. False: it can't be run on this answer, err says why. */
bool found_query(const struct look *, const struct scenario_query *, struct found *, struct err *) MUST_CHECK;

/* The value of a JSON document. */
struct found found_json(const json_t *);

/* A JSON value that the query looks at: the answer's body; it is released with the arena. */
bool found_body_json(const struct look *, json_t **, struct err *) MUST_CHECK;

/* What a capture keeps of it; a list as JSON. NULL: memory is out. */
const char *found_text(const struct found *, struct arena *, size_t *length);

/* A short text in words, for messages. */
void found_words(const struct found *, char *words, size_t size);

#endif
