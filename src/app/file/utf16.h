/* Converts UTF-16 in slices of any size to UTF-8. */
#ifndef MAYFLY_APP_FILE_UTF16_H
#define MAYFLY_APP_FILE_UTF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins zeroed, except big_endian. */
struct utf16 {
    bool big_endian;
    bool has_half; /* it has the first byte of a unit */
    unsigned char half;
    uint32_t high; /* the first half of a pair; 0: none */
};

/* Room for the result of length bytes: three for two, and some for halves of the slice before. */
#define UTF16_TEXT_BYTES(length) ((length)*3 / 2 + 6)

/*
 * Returns the number of bytes written to text. Half of a pair of surrogates becomes the byte 0xFF, which UTF-8 does not
 * have.
 */
size_t utf16_read(struct utf16 *, const char *bytes, size_t length, char *text);

/* At the end: whether the last character is incomplete. */
bool utf16_is_cut(const struct utf16 *);

#endif
