#include "prove/visit.h"

#include <stdlib.h>

void visit_free(struct visit *visit)
{
    variables_free(&visit->variables);
    free(visit->jar);
    free(visit->ended_jar);
    visit->jar = visit->ended_jar = NULL;
}

static bool is_session(const struct scenario *scenario, size_t number)
{
    return scenario->effects[number].kind == SCENARIO_SESSION;
}

/* Whether a session of the visit has ended, or may have. */
static bool session_ended(const struct scenario *scenario, const struct visit *visit)
{
    for (size_t i = 0; i < scenario->effect_count; i++)
        if (is_session(scenario, i) &&
            (visit->effects[i].state == EFFECT_UNDONE || visit->effects[i].state == EFFECT_UNKNOWN))
            return true;
    return false;
}

struct effect *visit_session(const struct scenario *scenario, struct visit *visit)
{
    if (session_ended(scenario, visit))
        return NULL;
    for (size_t i = 0; i < scenario->effect_count; i++)
        if (is_session(scenario, i) && visit->effects[i].state == EFFECT_ACKNOWLEDGED)
            return &visit->effects[i];
    return NULL;
}

struct effect *visit_shown(const struct scenario *scenario, struct visit *visit, const struct scenario_entry *entry,
                           enum effect_state state, const struct scenario_effect **which)
{
    const struct scenario_part *part;

    STAILQ_FOREACH(part, &entry->parts, next)
    if (part->kind == SCENARIO_SHOWS && visit->effects[part->number].state == state &&
        !visit->effects[part->number].found) {
        *which = &scenario->effects[part->number];
        return &visit->effects[part->number];
    }
    return NULL;
}

/* Without its session the other effects of a visit can't be checked. The session itself must be refused. */
bool visit_asks(const struct scenario *scenario, struct visit *visit, const struct scenario_entry *entry, bool *must_be)
{
    const struct scenario_effect *which;
    bool ended = session_ended(scenario, visit);

    *must_be = true;
    if (visit_shown(scenario, visit, entry, EFFECT_ACKNOWLEDGED, &which) != NULL)
        return !ended;
    *must_be = false;
    return visit_shown(scenario, visit, entry, EFFECT_UNDONE, &which) != NULL &&
           (which->kind == SCENARIO_SESSION || !ended);
}
