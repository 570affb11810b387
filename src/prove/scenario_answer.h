/*
 * Compares an answer with its scenario, and captures values from it. All that an application can send is bounded here.
 * No answer is an error of mayfly-prove: it is right, or wrong for a reason.
 */
#ifndef MAYFLY_PROVE_SCENARIO_ANSWER_H
#define MAYFLY_PROVE_SCENARIO_ANSWER_H

#include "prove/variables.h"

enum { SCENARIO_WHY_BYTES = 224 };

/* One answer; borrowed. */
struct scenario_answer {
    long status;
    const char *head; /* "Name: value" lines of the last answer, after all redirects */
    const char *body;
    size_t length;
    const char *url;
    int64_t took_ms;
};

/* Why an answer is not what the scenario says. */
struct scenario_wrong {
    struct scenario_place place;
    char why[SCENARIO_WHY_BYTES]; /* "line 12: status is 401, not 200"; one line of UTF-8 */
    bool finds_more;              /* a number is greater than "==" demands: an effect was done more than once */
};

/*
 * Whether status, headers, asserts and body are what the entry says; whatever the entry does not mention is right.
 * Without a line HTTP any status below 400 is right. Memory of the arena is used meanwhile. False: it is wrong.
 */
bool scenario_answer_is_right(const struct scenario_entry *, const struct scenario_answer *, const struct variables *,
                              struct arena *, struct scenario_wrong *) MUST_CHECK;

/* Sets the entry's captures. False: one of them is not in the answer. */
bool scenario_answer_capture(const struct scenario_entry *, const struct scenario_answer *, struct variables *,
                             struct arena *, struct scenario_wrong *) MUST_CHECK;

#endif
