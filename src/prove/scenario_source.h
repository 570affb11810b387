/* The text of a scenario while it is read: a place in it, and what every part of the grammar needs. */
#ifndef MAYFLY_PROVE_SCENARIO_SOURCE_H
#define MAYFLY_PROVE_SCENARIO_SOURCE_H

#include "prove/scenario.h"

struct scenario_source {
    struct arena *arena;
    const char *file;
    const char *at, *end;
    const char *line_start;
    int line;
    bool (*comment)(void *arg,
                    struct scenario_source *); /* called behind the "#" of each line that is a comment; NULL: none */
    void *comment_arg;
    struct err *err;
};

struct scenario_place source_place(const struct scenario_source *);

/* Set err with the place, and return false. The first says what was expected and what stands there instead. */
bool source_expected(struct scenario_source *, const char *what);
bool source_fail(struct scenario_source *, const char *format, ...) PRINTF_LIKE(2, 3);
bool source_fail_at(struct scenario_source *, struct scenario_place, const char *format, ...) PRINTF_LIKE(3, 4);

static inline bool source_is_over(const struct scenario_source *source)
{
    return source->at == source->end;
}

/* The byte there, or NUL at the end; no scenario contains one. */
static inline char source_peek(const struct scenario_source *source)
{
    return source->at < source->end ? *source->at : '\0';
}

/* Whether this stands there; taken if so. */
bool source_take(struct scenario_source *, const char *word);
/* The same of a word, behind which no letter, digit, "_" or "-" stands. */
bool source_take_word(struct scenario_source *, const char *word);

void source_skip_spaces(struct scenario_source *); /* and tabs */
bool source_at_line_end(const struct scenario_source *);

/* Behind the line's end. */
void source_new_line(struct scenario_source *);

/* Whether a name may have it behind its first character. */
bool source_is_name(char);

/* What is left of a line that is over: spaces and a comment. False: something else stands there. */
bool source_end_line(struct scenario_source *) MUST_CHECK;

/* Goes to the next line that is neither empty nor a comment, or to the end. */
bool source_next_line(struct scenario_source *) MUST_CHECK;

/* A variable's or an effect's name: a letter or "_", then letters, digits, "_" and "-". NULL: none, and err says so. */
const char *source_name(struct scenario_source *) MUST_CHECK;

/* Digits, 0..most. */
bool source_number(struct scenario_source *, int64_t most, int64_t *number) MUST_CHECK;

/*
 * Texts with {{variables}}; each takes what it reads.
 *   until_end: to the end of the line or a comment, without spaces around it; "\#" is a "#" (Hurl's value-string).
 *   key: the same up to a colon, which is not taken.
 *   quoted: "…".
 *   oneline: `…`.
 *   fenced: ```, a word that is ignored, lines, ```.
 *   file_name: up to a ";", which is taken; behind "file,".
 */
bool source_until_end(struct scenario_source *, struct scenario_text *) MUST_CHECK;
bool source_key(struct scenario_source *, struct scenario_text *) MUST_CHECK;
bool source_quoted(struct scenario_source *, struct scenario_text *) MUST_CHECK;
bool source_oneline(struct scenario_source *, struct scenario_text *) MUST_CHECK;
bool source_fenced(struct scenario_source *, struct scenario_text *) MUST_CHECK;
bool source_file_name(struct scenario_source *, struct scenario_text *) MUST_CHECK;

/* {{name}} outside of quotes. */
bool source_variable(struct scenario_source *, struct scenario_text *) MUST_CHECK;

/* /…/; "\/" is a "/". */
bool source_pattern(struct scenario_source *, struct scenario_text *) MUST_CHECK;

/* Of bytes that are there already, with or without variables. */
bool source_split(struct scenario_source *, struct scenario_place, const char *bytes, size_t length,
                  struct scenario_text *) MUST_CHECK;

/* "hex," or "base64," up to ";", when one of them stands there; *is says so. */
bool source_bytes(struct scenario_source *, bool *is, const unsigned char **bytes, size_t *length) MUST_CHECK;

/* What begins on the next line, when it is a body (prove/scenario_body.c). */
bool scenario_body_parse(struct scenario_source *, struct scenario_body *) MUST_CHECK;

#endif
