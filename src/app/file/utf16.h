/* UTF-16 that comes in slices of any size, made UTF-8. */
#ifndef MAYFLY_APP_FILE_UTF16_H
#define MAYFLY_APP_FILE_UTF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed but for big_endian at first. */
struct utf16 {
    bool big_endian;
    bool has_half; /* the first byte of two */
    unsigned char half;
    uint32_t high; /* a surrogate that waits for its second half; 0: none */
};

/* Room for what becomes of length bytes: three of two, and before them one for each half that waited. */
#define UTF16_TEXT_BYTES(length) ((length)*3 / 2 + 6)

/* The bytes that were written to text. Half of a pair of surrogates becomes the byte 0xFF, which no UTF-8 has. */
size_t utf16_read(struct utf16 *, const char *bytes, size_t length, char *text);

/* At the end: whether a character lacks its rest. */
bool utf16_is_cut(const struct utf16 *);

#endif
