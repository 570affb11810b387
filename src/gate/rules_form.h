/*
 * What is kept of rules beside their text, in the database and in copies of it: the terms with their values, small, and
 * checked once. In it a user is an account's id.
 *
 *     "mfr", the version in a byte, the text's digest, counts of terms and values; each term: kind, row, count of
 *     values; each of its values: length, bytes, with a NUL where it is a text; a digest of all of this
 *
 * Lengths and counts are of two bytes, the higher one first. The digests are no secret: they tell what was damaged, or
 * changed beside mayfly, from what was checked.
 */
#ifndef MAYFLY_GATE_RULES_FORM_H
#define MAYFLY_GATE_RULES_FORM_H

#include "gate/rules.h"

/*
 * The values of a text of RULES_TEXT_BYTES: each is of two characters at least, and no kind adds more than 17 bytes to
 * it.
 */
enum { RULES_FORM_BYTES = 16384 };

struct rules_form {
    const unsigned char *bytes;
    size_t length;
};

/* Of rules that were read of this text, in the arena. ERR_BUG: the account of a user was not set. */
bool rules_form_write(struct arena *, const struct rules *, const char *text, size_t length, struct rules_form *,
                      struct err *) MUST_CHECK;

/*
 * The rules of a form, whose bytes are borrowed by them. text is NULL, or the form has to be of this text. ERR_BUG says
 * what is wrong: then *rules let nobody pass.
 */
bool rules_form_read(struct arena *, const struct rules_form *, const char *text, struct rules *,
                     struct err *) MUST_CHECK;

#endif
