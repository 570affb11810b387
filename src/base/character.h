/* How code points are shown, by Unicode's properties. They are libunistring's, which libpq needs anyway. */
#ifndef MAYFLY_BASE_CHARACTER_H
#define MAYFLY_BASE_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether it shows nothing: Default_Ignorable_Code_Point, and U+2800, a Braille pattern without dots. Texts that differ
 * by these look alike.
 */
bool character_is_hidden(uint32_t code);

/* Whether it is a space of any width or the end of a line or paragraph: White_Space. */
bool character_is_space(uint32_t code);

/*
 * Whether it is a hidden one that changes the character before it, as emoji and some scripts need: joiners, variation
 * selectors.
 */
bool character_is_modifier(uint32_t code);

/*
 * How many columns of a terminal it takes: 0 for marks and what is hidden, 2 for wide ones such as Chinese, otherwise
 * 1.
 */
size_t character_width(uint32_t code);

#endif
