/*
 * The stored form of rules, beside their text in the database and in cached copies: the terms with their values, small,
 * and checked once. A user is an account's id in it.
 *
 *     "mfr", the version in a byte, the text's digest, counts of terms and values; each term: kind, row, count of
 *     values; each of its values: length, bytes, with a NUL where it is a text; a digest of all of this
 *
 * Lengths and counts are of two bytes, the higher one first. The digests are not secret. They detect a form that was
 * damaged, or changed without mayfly.
 */
#ifndef MAYFLY_GATE_RULES_FORM_H
#define MAYFLY_GATE_RULES_FORM_H

#include "gate/rules.h"

/* The values of a text of RULES_TEXT_BYTES: each has at least two characters, and no kind adds more than 17 bytes. */
enum { RULES_FORM_BYTES = 16384 };

struct rules_form {
    const unsigned char *bytes;
    size_t length;
};

/* Makes the form, in the arena, of rules that were read from this text. ERR_BUG: the account of a user was not set. */
bool rules_form_write(struct arena *, const struct rules *, const char *text, size_t length, struct rules_form *,
                      struct err *) MUST_CHECK;

/*
 * Reads the rules of a form, whose bytes they borrow. text: the text that the form must belong to, or NULL. ERR_BUG:
 * the form is damaged; then *rules let nobody pass.
 */
bool rules_form_read(struct arena *, const struct rules_form *, const char *text, struct rules *,
                     struct err *) MUST_CHECK;

#endif
