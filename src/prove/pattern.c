#include "prove/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum {
    MATCH_STEPS_MAX = 1000 * 1000, /* some 10 ms, after which an expression that backtracks too much is stopped */
    MATCH_HEAP_KIB_MAX = 4 * 1024,
    MESSAGE_BYTES = 120, /* PCRE2's messages are shorter */
};

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
    pcre2_match_data *groups;
};

static void release(void *object)
{
    struct pattern *pattern = object;

    pcre2_match_data_free(pattern->groups);
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
}

bool pattern_compile(struct pattern **patternp, struct arena *arena, const char *text, struct err *err)
{
    struct pattern *pattern = arena_zalloc(arena, sizeof *pattern);
    int error;
    PCRE2_SIZE place;

    *patternp = NULL;
    if (pattern == NULL)
        return err_memory(err);
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, strlen(text), PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &error, &place, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR message[MESSAGE_BYTES];

        pcre2_get_error_message(error, message, sizeof message);
        return err_set(err, ERR_INPUT, "this is no regular expression: %s, at its byte %zu", (const char *)message,
                       (size_t)place + 1);
    }
    pattern->limits = pcre2_match_context_create(NULL);
    pattern->groups = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    if (!arena_defer(arena, release, pattern) || pattern->limits == NULL || pattern->groups == NULL)
        return err_memory(err);
    pcre2_set_match_limit(pattern->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(pattern->limits, MATCH_HEAP_KIB_MAX);
    *patternp = pattern;
    return true;
}

bool pattern_find(const struct pattern *pattern, const char *bytes, size_t length, const char **found,
                  size_t *found_length, struct err *err)
{
    int count = pcre2_match(pattern->code, (PCRE2_SPTR)bytes, length, 0, 0, pattern->groups, pattern->limits);
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(pattern->groups);
    size_t group = count > 1 && places[2] != PCRE2_UNSET;

    *found = NULL;
    *found_length = 0;
    if (count == PCRE2_ERROR_NOMATCH)
        return true;
    if (count < 0)
        return err_set(err, ERR_LARGE, "the regular expression takes too many steps on this answer");
    /* \K in a lookahead lets a match end before it begins. */
    if (places[2 * group + 1] < places[2 * group])
        return true;
    *found = bytes + places[2 * group];
    *found_length = places[2 * group + 1] - places[2 * group];
    return true;
}
