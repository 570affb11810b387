#include "prove/scenario_proof.h"

#include <string.h>

enum { STATUS_LEAST = 100, STATUS_MOST = 599 };

static const struct {
    const char *word;
    enum scenario_part_kind kind;
} part_words[] = {
    {"acknowledges", SCENARIO_ACKNOWLEDGES},
    {"shows", SCENARIO_SHOWS},
    {"undoes", SCENARIO_UNDOES},
};

static const char *const effect_words[] = {
    [SCENARIO_SESSION] = "session",
    [SCENARIO_WRITE] = "write",
    [SCENARIO_UPLOAD] = "upload",
};

enum { EFFECT_COUNT = sizeof effect_words / sizeof effect_words[0] };

void scenario_proof_begin(struct scenario_proof *proof, struct scenario *scenario)
{
    *proof = (struct scenario_proof){.scenario = scenario};
    STAILQ_INIT(&proof->parts);
}

static bool end(struct scenario_source *source)
{
    source_skip_spaces(source);
    return source_is_over(source) || source_peek(source) == '\n' || source_peek(source) == '\r' ||
           source_expected(source, "the end of the line");
}

/* Behind "acknowledges", "shows" or "undoes": the kind of the effect, and a name where there are several. */
static bool parse_part(struct scenario_proof *proof, struct scenario_source *source, enum scenario_part_kind kind,
                       struct scenario_place place)
{
    struct scenario_part *part = arena_zalloc(source->arena, sizeof *part);
    size_t effect = 0;

    if (part == NULL)
        return err_memory(source->err);
    source_skip_spaces(source);
    while (effect < EFFECT_COUNT && !source_take_word(source, effect_words[effect]))
        effect++;
    if (effect == EFFECT_COUNT)
        return source_expected(source, "session, write or upload");
    part->kind = kind;
    part->effect = (enum scenario_effect_kind)effect;
    part->place = place;
    source_skip_spaces(source);
    part->name = effect_words[effect];
    if (source_peek(source) != '\n' && source_peek(source) != '\r' && !source_is_over(source))
        part->name = source_name(source);
    if (part->name == NULL)
        return false;
    STAILQ_INSERT_TAIL(&proof->parts, part, next);
    if (proof->place.line == 0)
        proof->place = place;
    return end(source);
}

static bool parse_outage(struct scenario *scenario, struct scenario_source *source)
{
    do {
        struct scenario_place place;
        int64_t status;

        source_skip_spaces(source);
        place = source_place(source);
        if (!source_number(source, STATUS_MOST, &status))
            return false;
        if (status < STATUS_LEAST)
            return source_fail_at(source, place, "a status from %d to %d is expected here", STATUS_LEAST, STATUS_MOST);
        if (scenario->outage_count == SCENARIO_OUTAGE_STATUSES_MAX)
            return source_fail_at(source, place, "%d statuses of outages at most", SCENARIO_OUTAGE_STATUSES_MAX);
        scenario->outage[scenario->outage_count++] = (int)status;
        source_skip_spaces(source);
    } while (source_peek(source) >= '0' && source_peek(source) <= '9');
    return end(source);
}

static bool is_header_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool parse_worker_header(struct scenario *scenario, struct scenario_source *source)
{
    const char *start;

    source_skip_spaces(source);
    start = source->at;
    while (is_header_name(source_peek(source)))
        source->at++;
    if (source->at == start)
        return source_expected(source, "the name of the header that names the worker");
    if (scenario->worker_header != NULL) {
        source->at = start;
        return source_fail(source, "the worker's header was named before");
    }
    scenario->worker_header = arena_strndup(source->arena, start, (size_t)(source->at - start));
    return (scenario->worker_header != NULL || err_memory(source->err)) && end(source);
}

bool scenario_proof_parse(void *arg, struct scenario_source *source)
{
    struct scenario_proof *proof = arg;
    struct scenario_place place;

    source_skip_spaces(source);
    if (!source_take(source, "prove:"))
        return true;
    source_skip_spaces(source);
    place = source_place(source);
    for (size_t i = 0; i < sizeof part_words / sizeof part_words[0]; i++)
        if (source_take_word(source, part_words[i].word))
            return parse_part(proof, source, part_words[i].kind, place);
    if (source_take_word(source, "repeatable")) {
        proof->may_repeat = true;
        if (proof->place.line == 0)
            proof->place = place;
        return end(source);
    }
    if (source_take_word(source, "outage"))
        return parse_outage(proof->scenario, source);
    if (source_take_word(source, "worker-header"))
        return parse_worker_header(proof->scenario, source);
    return source_expected(source, "acknowledges, shows, undoes, repeatable, outage or worker-header");
}

bool scenario_proof_goes_on(struct scenario_source *source)
{
    const struct scenario_proof *proof = source->comment_arg;

    return proof->place.line == 0 ||
           source_fail_at(source, proof->place, "this stands within a request; say it above the request");
}

/* The part of this kind that is said of the effect by any request but `but`; NULL: none is. */
static const struct scenario_part *find(const struct scenario *scenario, const struct scenario_part *effect,
                                        enum scenario_part_kind kind, const struct scenario_part *but)
{
    const struct scenario_entry *entry;
    const struct scenario_part *part;

    STAILQ_FOREACH(entry, &scenario->entries, next)
    STAILQ_FOREACH(part, &entry->parts, next)
    if (part != but && part->kind == kind && part->effect == effect->effect && strcmp(part->name, effect->name) == 0)
        return part;
    return NULL;
}

static bool check_part(const struct scenario *scenario, const struct scenario_part *part,
                       struct scenario_source *source)
{
    const char *kind = effect_words[part->effect];

    if (part->kind == SCENARIO_ACKNOWLEDGES) {
        const struct scenario_part *other = find(scenario, part, SCENARIO_ACKNOWLEDGES, part);

        if (other != NULL && other->place.line < part->place.line)
            return source_fail_at(source, part->place,
                                  "line %d acknowledges the %s \"%s\" already; give this one another name",
                                  other->place.line, kind, part->name);
        return find(scenario, part, SCENARIO_SHOWS, NULL) != NULL ||
               source_fail_at(source, part->place,
                              "no request shows the %s \"%s\", so nobody would see that it is lost", kind, part->name);
    }
    return find(scenario, part, SCENARIO_ACKNOWLEDGES, NULL) != NULL ||
           source_fail_at(source, part->place, "no request acknowledges the %s \"%s\"", kind, part->name);
}

static bool number_part(struct scenario *scenario, struct scenario_part *part, struct scenario_source *source)
{
    struct scenario_effect *effect = scenario->effects;

    while (effect < scenario->effects + scenario->effect_count &&
           (effect->kind != part->effect || strcmp(effect->name, part->name) != 0))
        effect++;
    part->number = (size_t)(effect - scenario->effects);
    if (part->number < scenario->effect_count)
        return true;
    if (scenario->effect_count == SCENARIO_EFFECTS_MAX)
        return source_fail_at(source, part->place, "a scenario has %d effects at most", SCENARIO_EFFECTS_MAX);
    *effect = (struct scenario_effect){part->effect, part->name};
    scenario->effect_count++;
    return true;
}

bool scenario_proof_check(struct scenario *scenario, struct scenario_source *source)
{
    struct scenario_entry *entry;
    struct scenario_part *part;
    bool any = false;

    scenario->effect_count = 0;
    STAILQ_FOREACH(entry, &scenario->entries, next)
    STAILQ_FOREACH(part, &entry->parts, next)
    {
        any = true;
        if (!check_part(scenario, part, source) || !number_part(scenario, part, source))
            return false;
    }
    return any || source_fail_at(source, (struct scenario_place){1, 1},
                                 "no request says \"# prove: acknowledges …\", so there is nothing to prove");
}
