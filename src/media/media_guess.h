/* Guesses at a file's type by its first bytes, beside their signatures (media/media_type.h). */
#ifndef MAYFLY_MEDIA_MEDIA_GUESS_H
#define MAYFLY_MEDIA_MEDIA_GUESS_H

#include "media/media_type.h"

enum { MEDIA_TYPE_WRITTEN_BYTES = MEDIA_TYPE_BYTES + sizeof "; charset=utf-8" };

/*
 * Checks libmagic's guess: returns the guess, or "application/octet-stream" when it may as well be chance, unless it is
 * the claimed type. libmagic recognises many formats by two bytes, which one in a hundred random files has.
 */
const char *media_guess_weigh(const char *guess, const char *claimed, const void *bytes, size_t length);

/*
 * The type as Content-Type has it: of text that begins as UTF-8 with charset=utf-8, since browsers that must not sniff
 * take the local Windows code page for all else. Other text gets no charset, since the encodings of one byte can't be
 * distinguished.
 */
void media_guess_write(const char *type, const void *bytes, size_t length, char written[MEDIA_TYPE_WRITTEN_BYTES]);

#endif
