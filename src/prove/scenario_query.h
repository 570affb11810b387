/* The part of a scenario that looks at a response: queries, filters and predicates. */
#ifndef MAYFLY_PROVE_SCENARIO_QUERY_H
#define MAYFLY_PROVE_SCENARIO_QUERY_H

#include "prove/scenario_source.h"

/* A query with its filters, up to the predicate or the end of the line. */
bool scenario_query_parse(struct scenario_source *, struct scenario_query *) MUST_CHECK;

/* What follows a query in [Asserts]. */
bool scenario_predicate_parse(struct scenario_source *, struct scenario_assert *) MUST_CHECK;

#endif
