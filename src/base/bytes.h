/* Bytes that may be secret: wiping, comparison in constant time, conversion to text and back. */
#ifndef MAYFLY_BASE_BYTES_H
#define MAYFLY_BASE_BYTES_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* Sizes of the texts of so many bytes, NUL included. */
#define HEX_TEXT_BYTES(length) ((length)*2 + 1)
#define BASE64_TEXT_BYTES(length) (((length)*4 + 2) / 3 + 1)

/* Zeroes the bytes; the compiler can't leave this out. */
void bytes_wipe(void *bytes, size_t length);

/* Compares in a time that depends on length alone. */
bool bytes_equal(const void *a, const void *b, size_t length);

/* Lower case; text has HEX_TEXT_BYTES(length). */
void bytes_to_hex(const void *bytes, size_t length, char *text);

/* The value of a hexadecimal digit of either case; -1 for any other character. */
int bytes_hex_digit(char digit);

/* Exactly size bytes of either case; false for anything else. */
bool bytes_from_hex(const char *text, size_t text_length, void *bytes, size_t size) MUST_CHECK;

/* base64url without padding (RFC 4648, section 5); text has BASE64_TEXT_BYTES(length). */
void bytes_to_base64(const void *bytes, size_t length, char *text);

/* Exactly size bytes; false for anything else. */
bool bytes_from_base64(const char *text, size_t text_length, void *bytes, size_t size) MUST_CHECK;

#endif
