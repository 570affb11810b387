/* Regular expressions of Perl's kind, by PCRE2: those of scenarios, run on what an application answers. */
#ifndef MAYFLY_PROVE_PATTERN_H
#define MAYFLY_PROVE_PATTERN_H

#include "base/arena.h"
#include "base/err.h"

struct pattern;

/* NULL-terminated text. ERR_INPUT says at which character what is wrong. It is freed with the arena. */
bool pattern_compile(struct pattern **, struct arena *, const char *text, struct err *) MUST_CHECK;

/*
 * Looks for it anywhere in the bytes, which need not be UTF-8. *found is where its first group matched, or all of it
 * when it has no group; NULL when it is not there. ERR_LARGE: it takes too many steps.
 */
bool pattern_find(const struct pattern *, const char *bytes, size_t length, const char **found, size_t *found_length,
                  struct err *) MUST_CHECK;

#endif
