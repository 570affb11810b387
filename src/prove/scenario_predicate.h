/* The predicates of scenarios: whether what was found is what it should be. */
#ifndef MAYFLY_PROVE_SCENARIO_PREDICATE_H
#define MAYFLY_PROVE_SCENARIO_PREDICATE_H

#include "prove/scenario_value.h"

/* "not" is not looked at. finds_more: see struct scenario_wrong. False with err: it can't be judged. */
bool predicate_holds(const struct look *, const struct scenario_assert *, const struct found *, bool *holds,
                     bool *finds_more, struct err *) MUST_CHECK;

/* "== 3", "contains "x"", for messages. */
void predicate_words(const struct look *, const struct scenario_assert *, char *words, size_t size);

#endif
