#include "gate/rules.h"

#include <stddef.h>

static bool is_who(enum rules_kind kind)
{
    return kind == RULES_PUBLIC || kind == RULES_ANY || kind == RULES_USER || kind == RULES_GROUP;
}

static bool is_where(enum rules_kind kind)
{
    return kind == RULES_NET || kind == RULES_PATH || kind == RULES_METHOD;
}

static bool is_proof(enum rules_kind kind)
{
    return kind == RULES_FACTOR || kind == RULES_RECENT;
}

/* The error of a term that does not go with an earlier one of its row, or NULL. */
static const char *beside(const struct rules_term *earlier, const struct rules_term *term)
{
    if (earlier->kind == term->kind && term->kind != RULES_GROUP)
        return "a second one in this row; give the first one more values, with commas between them";
    if ((earlier->kind == RULES_PUBLIC && !is_where(term->kind)) ||
        (term->kind == RULES_PUBLIC && !is_where(earlier->kind)))
        return "public lets everybody pass, logged in or not, so nothing else of who it is can count in this row";
    if ((earlier->kind == RULES_KEY && is_proof(term->kind)) || (term->kind == RULES_KEY && is_proof(earlier->kind)))
        return "a key can prove nothing, so nobody would pass by this row";
    return NULL;
}

const char *rules_row_fault(const struct rules *rules, int row, int *term)
{
    const struct rules_term *terms = rules->terms;
    bool says_who = false;
    int first = 0;

    while (first < rules->term_count && terms[first].row != row)
        first++;
    for (*term = first; *term < rules->term_count && terms[*term].row == row; ++*term) {
        const char *fault = NULL;

        for (int i = first; i < *term && fault == NULL; i++)
            fault = beside(&terms[i], &terms[*term]);
        if (fault == NULL && is_proof(terms[*term].kind) && terms[*term].count > 1)
            fault = "it has one value";
        if (fault != NULL)
            return fault;
        says_who |= is_who(terms[*term].kind);
    }
    *term = first;
    return says_who
               ? NULL
               : "the row does not say who passes; add any for everybody who is logged in, or public for everybody";
}
