/*
 * How long each kind of text may be, in characters, and how many combining marks may follow one another. This is
 * checked before a text is normalised: canonical ordering takes time with the square of a run of marks, and PostgreSQL
 * can't be interrupted in it. The CHECKs of sql/schema have the same numbers.
 */
#ifndef MAYFLY_BASE_TEXT_LIMIT_H
#define MAYFLY_BASE_TEXT_LIMIT_H

#include "base/arena.h"
#include "base/err.h"

/* UAX #15, section 13: no text of any language has more in a row; a text that keeps this limit is "stream-safe". */
enum { TEXT_MARKS_MAX = 30 };

enum text_kind {
    TEXT_LOGIN, /* a username or an e-mail address, at the log-in */
    TEXT_USERNAME,
    TEXT_EMAIL,
    TEXT_NAME,  /* for display */
    TEXT_LABEL, /* a name that an account gives to something it has, such as a key */
    TEXT_GROUP,
    TEXT_SEARCH, /* a part of a file's name */
    TEXT_USER_AGENT,
};

/* Characters: code points. */
struct text_limit {
    size_t least, most;
};

const struct text_limit *text_limit(enum text_kind);

/* ERR_VALUE for the field when well-formed text is too short, too long, or has too many marks in a row. */
bool text_check(enum text_kind, const char *field, const char *text, struct err *) MUST_CHECK;

/* Whether it is a group's name: 1 to 64 of A-Z a-z 0-9 . _ : - */
bool text_is_group(const char *name, size_t length);

/* Counts a run of marks, one character after the other: whether this one, of length bytes, is one mark too many. */
bool text_mark_excess(const char *character, size_t length, size_t *run);

/* A copy without spaces of any kind at both ends, since keyboards add some. NULL when memory is out. */
char *text_trim(struct arena *, const char *text) MUST_CHECK;

/* As utf8_repair, cut to the limit of its kind and without surplus marks. For text that is only shown. */
char *text_clip(struct arena *, enum text_kind, const char *text, size_t length) MUST_CHECK;

#endif
