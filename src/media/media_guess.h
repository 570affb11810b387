/* What the first bytes of a file say of its type, beside their signatures (media/media_type.h). */
#ifndef MAYFLY_MEDIA_MEDIA_GUESS_H
#define MAYFLY_MEDIA_MEDIA_GUESS_H

#include "media/media_type.h"

enum { MEDIA_TYPE_WRITTEN_BYTES = MEDIA_TYPE_BYTES + sizeof "; charset=utf-8" };

/*
 * What libmagic's guess is worth: the guess, or "application/octet-stream" where it may as well be chance, unless that
 * is what was claimed. It tells many formats by two bytes, which one in a hundred files of random ones has.
 */
const char *media_guess_weigh(const char *guess, const char *claimed, const void *bytes, size_t length);

/*
 * The type as Content-Type has it: of text that begins as UTF-8 with charset=utf-8, since browsers that must not sniff
 * take the local Windows code page for all else. Of other text nothing is said: one encoding of a byte each can't be
 * told from another.
 */
void media_guess_write(const char *type, const void *bytes, size_t length, char written[MEDIA_TYPE_WRITTEN_BYTES]);

#endif
