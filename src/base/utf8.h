#ifndef MAYFLY_BASE_UTF8_H
#define MAYFLY_BASE_UTF8_H

#include "base/arena.h"

#include <stdint.h>

enum { UTF8_SEQUENCE_MAX = 4 };

/* Writes the sequence of a code point below 0x110000, without a NUL; returns its length. */
size_t utf8_encode(uint32_t code, char bytes[UTF8_SEQUENCE_MAX]);

/* The length of the well-formed sequence at text, which has at least one byte left; 0 when there is none. */
size_t utf8_sequence(const char *text, size_t left);

/* The code point of a well-formed sequence. */
uint32_t utf8_code_point(const char *text, size_t length);

/* The offset of the first byte that is not well-formed UTF-8 (RFC 3629: no overlong form, no surrogate), or length. */
size_t utf8_check(const char *text, size_t length);

/* Number of code points of well-formed text. */
size_t utf8_count(const char *text, size_t length);

/* Whether well-formed text holds a control character (C0, DEL, C1). */
bool utf8_has_control(const char *text, size_t length);

/* A copy with '?' for each control character and each byte that is not UTF-8; NULL when memory is out. */
char *utf8_repair(struct arena *, const char *text, size_t length) MUST_CHECK;

#endif
