/*
 * mayfly-prove, a visit: one pass of a virtual user through the scenario, under a name of its own, with its own
 * variables and cookies; and what the application has acknowledged in it, which is asked for later.
 */
#ifndef MAYFLY_PROVE_VISIT_H
#define MAYFLY_PROVE_VISIT_H

#include "prove/route.h"
#include "prove/variables.h"

enum { VISIT_NAME_BYTES = 40, VISIT_WORDS_BYTES = 144 };

/*
 *   NONE          -> ACKNOWLEDGED  its request was answered as the scenario says
 *   NONE          -> UNKNOWN       its request was given up: it may have been done or not
 *   ACKNOWLEDGED  -> UNDONE        a request that undoes it was answered as the scenario says
 *   ACKNOWLEDGED  -> UNKNOWN       such a request was given up
 */
enum effect_state { EFFECT_NONE, EFFECT_ACKNOWLEDGED, EFFECT_UNDONE, EFFECT_UNKNOWN };

struct effect {
    enum effect_state state;
    bool found;                   /* to be lost, doubled or there again; it is not asked for any more */
    char said[VISIT_WORDS_BYTES]; /* the request that acknowledged or undid it, in words */
};

struct visit {
    char user[VISIT_NAME_BYTES];
    struct variables variables;
    char *jar;       /* malloc; cookies as prove_answer gives them */
    char *ended_jar; /* malloc; as they were before the session was undone; NULL: it was not */
    struct effect effects[SCENARIO_EFFECTS_MAX];
    struct route_path path;
    const struct event *routed;        /* in which `path` was noted */
    const struct scenario_entry *next; /* where it goes on; NULL: it is over */
    bool stops;                        /* before the first request that undoes something, until the end of the run */
    bool is_vague;                     /* a request was given up: what follows from it is not known */
};

void visit_free(struct visit *);

/* The session that must be accepted now: NULL when none was acknowledged, or one may have ended. */
struct effect *visit_session(const struct scenario *, struct visit *);

/* The effect shown by the entry that must be there, or must not be there; NULL: neither. */
struct effect *visit_shown(const struct scenario *, struct visit *, const struct scenario_entry *, enum effect_state,
                           const struct scenario_effect **);

/* Whether the entry's request is sent when the visit is checked. must_be: the effect that it shows must be there. */
bool visit_asks(const struct scenario *, struct visit *, const struct scenario_entry *, bool *must_be);

#endif
