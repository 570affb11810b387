/* The proof's own words in a scenario, behind "# prove:", which Hurl takes for comments. */
#ifndef MAYFLY_PROVE_SCENARIO_PROOF_H
#define MAYFLY_PROVE_SCENARIO_PROOF_H

#include "prove/scenario_source.h"

/* What was said since the last request; it belongs to the next one. */
struct scenario_proof {
    struct scenario *scenario;
    struct scenario_parts parts;
    bool may_repeat;
    struct scenario_place place; /* of the first that belongs to a request; line 0: none does */
};

void scenario_proof_begin(struct scenario_proof *, struct scenario *);

/*
 * Behind a "#". A comment without "prove:" is left alone. arg is the struct scenario_proof, as the source's
 * comment_arg.
 */
bool scenario_proof_parse(void *arg, struct scenario_source *) MUST_CHECK;

/* Called inside of a request or a response, where no such comment may stand: it belongs above its request. */
bool scenario_proof_goes_on(struct scenario_source *) MUST_CHECK;

/* Each effect is acknowledged by one request, and shown by one at least. Gives each effect its number. */
bool scenario_proof_check(struct scenario *, struct scenario_source *) MUST_CHECK;

#endif
