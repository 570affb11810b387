#include "gate/path.h"
#include "gate/rules.h"

#include <string.h>

/* A request, with what is found out of it once. */
struct judged {
    const struct rules_facts *facts;
    unsigned char address[ADDRESS_BYTES];
    bool has_address;
    char path[PATH_BYTES]; /* "" when it has no plain one: it matches nothing then */
};

static bool network_holds(const struct judged *judged, const struct network *network)
{
    /* IPv4 is a part of IPv6 in these bytes only: ::/0 is not meant for it. */
    bool is_ipv4 = network->bits >= 96 && address_is_ipv4(network->bytes);

    return judged->has_address && address_is_ipv4(judged->address) == is_ipv4 && network_has(network, judged->address);
}

static bool in_group(const struct rules_facts *facts, const char *group)
{
    for (int i = 0; i < facts->group_count; i++)
        if (strcmp(facts->groups[i], group) == 0)
            return true;
    return false;
}

static bool value_holds(const struct judged *judged, enum rules_kind kind, const struct rules_value *value)
{
    const struct rules_facts *facts = judged->facts;

    switch (kind) {
    case RULES_USER:
        return value->known && uuid_equal(&value->account, facts->account);
    case RULES_GROUP:
        return in_group(facts, value->text);
    case RULES_FACTOR:
        return facts->factors >= value->number;
    case RULES_RECENT:
        return facts->proof_age_s >= -RULES_SKEW_S && facts->proof_age_s <= value->number;
    case RULES_NET:
        return network_holds(judged, &value->network);
    case RULES_PATH:
        return judged->path[0] != '\0' && path_matches(value->text, judged->path);
    case RULES_METHOD:
        return strcmp(facts->method, value->text) == 0;
    case RULES_PUBLIC:
    case RULES_ANY:
    case RULES_KEY:
        break;
    }
    return false;
}

/* Not of public, any and key, which have no values. */
static bool one_holds(const struct judged *judged, const struct rules *rules, const struct rules_term *term)
{
    for (int i = term->first; i < term->first + term->count; i++)
        if (value_holds(judged, term->kind, &rules->values[i]))
            return true;
    return false;
}

/* What a term that does not hold makes of its row. */
static enum rules_verdict judge_term(const struct judged *judged, const struct rules *rules,
                                     const struct rules_term *term)
{
    const struct rules_facts *facts = judged->facts;

    switch (term->kind) {
    case RULES_PUBLIC:
        return RULES_PASS;
    case RULES_NET:
    case RULES_PATH:
    case RULES_METHOD:
        return one_holds(judged, rules, term) ? RULES_PASS : RULES_FORBIDDEN;
    case RULES_ANY:
    case RULES_USER:
    case RULES_GROUP:
    case RULES_KEY:
    case RULES_FACTOR:
    case RULES_RECENT:
        break;
    }
    if (facts->account == NULL)
        return RULES_LOG_IN;
    switch (term->kind) {
    case RULES_ANY:
        return RULES_PASS;
    case RULES_KEY:
        return facts->by_key ? RULES_PASS : RULES_FORBIDDEN;
    case RULES_USER:
    case RULES_GROUP:
        return one_holds(judged, rules, term) ? RULES_PASS : RULES_FORBIDDEN;
    case RULES_FACTOR:
    case RULES_RECENT:
        return one_holds(judged, rules, term) ? RULES_PASS : RULES_STEP_UP;
    default:
        return RULES_FORBIDDEN;
    }
}

/* Notes what a proof has to be; a row has each of these at most once, with one value. */
static void want(struct rules_judgement *judgement, const struct rules *rules, const struct rules_term *term)
{
    if (term->kind == RULES_FACTOR)
        judgement->factors = (int)rules->values[term->first].number;
    else
        judgement->recent_s = rules->values[term->first].number;
}

/* Judges the row that begins with this term and moves *at past it. */
static struct rules_judgement judge_row(const struct judged *judged, const struct rules *rules, int *at)
{
    int row = rules->terms[*at].row;
    struct rules_judgement judgement = {.verdict = RULES_PASS, .row = row};
    bool is_public = false, takes_keys = false;

    for (; *at < rules->term_count && rules->terms[*at].row == row; ++*at) {
        const struct rules_term *term = &rules->terms[*at];
        enum rules_verdict verdict = judge_term(judged, rules, term);

        is_public |= term->kind == RULES_PUBLIC;
        takes_keys |= term->kind == RULES_KEY;
        if (verdict == RULES_STEP_UP)
            want(&judgement, rules, term);
        if (verdict < judgement.verdict)
            judgement.verdict = verdict;
    }
    /* A key passes where a row is for keys, or where it needs to be nobody's. */
    if (judged->facts->account != NULL && judged->facts->by_key && !takes_keys && !is_public)
        judgement.verdict = RULES_FORBIDDEN;
    judgement.by_key = takes_keys && judgement.verdict == RULES_LOG_IN;
    return judgement;
}

struct rules_judgement rules_judge(const struct rules *rules, const struct rules_facts *facts)
{
    struct rules_judgement best = {.verdict = RULES_FORBIDDEN};
    struct judged judged = {.facts = facts};
    bool by_key = false;

    judged.has_address = address_read(facts->address, judged.address);
    if (!path_plain(facts->target, strlen(facts->target), judged.path))
        judged.path[0] = '\0';
    for (int at = 0; at < rules->term_count;) {
        struct rules_judgement row = judge_row(&judged, rules, &at);

        by_key |= row.by_key;
        if (row.verdict > best.verdict)
            best = row;
    }
    best.by_key = by_key && best.verdict == RULES_LOG_IN;
    return best;
}
