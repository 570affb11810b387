#include "base/precis.h"

#include "base/character.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* --- IdentifierClass: RFC 8264, section 8, in its order */

enum derived { DISALLOWED, VALID, BY_CONTEXT };

/* Section 9.6, which are those of RFC 5892, section 2.6. */
static bool is_exception(ucs4_t code, enum derived *derived)
{
    static const struct {
        ucs4_t first, last;
        enum derived derived;
    } exceptions[] = {
        {0x00B7, 0x00B7, BY_CONTEXT}, {0x00DF, 0x00DF, VALID},      {0x0375, 0x0375, BY_CONTEXT},
        {0x03C2, 0x03C2, VALID},      {0x05F3, 0x05F4, BY_CONTEXT}, {0x0640, 0x0640, DISALLOWED},
        {0x0660, 0x0669, BY_CONTEXT}, {0x06F0, 0x06F9, BY_CONTEXT}, {0x06FD, 0x06FE, VALID},
        {0x07FA, 0x07FA, DISALLOWED}, {0x0F0B, 0x0F0B, VALID},      {0x3007, 0x3007, VALID},
        {0x302E, 0x302F, DISALLOWED}, {0x3031, 0x3035, DISALLOWED}, {0x303B, 0x303B, DISALLOWED},
        {0x30FB, 0x30FB, BY_CONTEXT},
    };

    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (code >= exceptions[i].first && code <= exceptions[i].last) {
            *derived = exceptions[i].derived;
            return true;
        }
    return false;
}

/* HangulSyllableType L, V or T: one that NFC leaves is not part of a syllable. */
static bool is_old_hangul(ucs4_t code)
{
    return (code >= 0x1100 && code <= 0x11FF) || (code >= 0xA960 && code <= 0xA97C) ||
           (code >= 0xD7B0 && code <= 0xD7FB);
}

static bool has_compatible(ucs4_t code)
{
    ucs4_t made[UC_DECOMPOSITION_MAX_LENGTH];
    size_t length = UC_DECOMPOSITION_MAX_LENGTH;
    uint32_t *form = u32_normalize(UNINORM_NFKC, &code, 1, made, &length);
    bool same = form != NULL && length == 1 && form[0] == code;

    if (form != made)
        free(form);
    return !same;
}

static enum derived derive(ucs4_t code)
{
    enum derived derived;

    if (is_exception(code, &derived))
        return derived;
    if (code < 0x80)
        return code >= 0x21 && code <= 0x7E ? VALID : DISALLOWED;
    /*
     * Joiners are not allowed, although RFC 8264 allows them in some contexts: they are invisible, so two names that
     * look the same could differ by them.
     */
    if (is_old_hangul(code) || character_is_hidden(code) || has_compatible(code))
        return DISALLOWED;
    return uc_is_general_category_withtable(code, UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
                                                      UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
                                                      UC_CATEGORY_MASK_Mc)
               ? VALID
               : DISALLOWED;
}

/* --- characters that are valid depending on their neighbours: RFC 5892, appendix A */

static bool is_of(const char *script, ucs4_t code)
{
    const uc_script_t *found = uc_script(code);

    return found != NULL && strcmp(found->name, script) == 0;
}

static bool has_between(const ucs4_t *name, size_t length, ucs4_t first, ucs4_t last)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] >= first && name[i] <= last)
            return true;
    return false;
}

static bool has_japanese(const ucs4_t *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (is_of("Hiragana", name[i]) || is_of("Katakana", name[i]) || is_of("Han", name[i]))
            return true;
    return false;
}

static bool fits_context(const ucs4_t *name, size_t length, size_t at)
{
    const ucs4_t code = name[at], before = at > 0 ? name[at - 1] : 0, after = at + 1 < length ? name[at + 1] : 0;

    switch (code) {
    case 0x00B7: /* Catalan l·l */
        return (before == 'l' || before == 'L') && (after == 'l' || after == 'L');
    case 0x0375:
        return is_of("Greek", after);
    case 0x05F3:
    case 0x05F4:
        return is_of("Hebrew", before);
    case 0x30FB:
        return has_japanese(name, length);
    default: /* Arabic digits and those of Persian and Urdu, of which some look alike */
        return code < 0x06F0 ? !has_between(name, length, 0x06F0, 0x06F9) : !has_between(name, length, 0x0660, 0x0669);
    }
}

/* --- the Bidi Rule: RFC 5893, section 2, for names in which something is written from right to left */

enum {
    RIGHT = 1 << UC_BIDI_R | 1 << UC_BIDI_AL,
    NUMBERS = 1 << UC_BIDI_EN | 1 << UC_BIDI_AN,
    NEUTRAL =
        1 << UC_BIDI_ES | 1 << UC_BIDI_CS | 1 << UC_BIDI_ET | 1 << UC_BIDI_ON | 1 << UC_BIDI_BN | 1 << UC_BIDI_NSM,
};

static int direction(ucs4_t code)
{
    return 1 << uc_bidi_category(code);
}

static bool fits_direction(const ucs4_t *name, size_t length)
{
    int all = 0, first = direction(name[0]), last = 0;

    for (size_t i = 0; i < length; i++) {
        int one = direction(name[i]);

        all |= one;
        if (one != 1 << UC_BIDI_NSM)
            last = one;
    }
    if ((all & (RIGHT | 1 << UC_BIDI_AN)) == 0)
        return true;
    /* A name that begins from left to right has no character of the other direction. */
    return (first & RIGHT) != 0 && (all & ~(RIGHT | NUMBERS | NEUTRAL)) == 0 && (last & (RIGHT | NUMBERS)) != 0 &&
           (all & NUMBERS) != NUMBERS;
}

/* --- usernames */

static ucs4_t without_width(ucs4_t code)
{
    ucs4_t made[UC_DECOMPOSITION_MAX_LENGTH];
    int tag = UC_DECOMP_CANONICAL;
    int length = uc_decomposition(code, &tag, made);

    return length == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW) ? made[0] : code;
}

static enum precis_fault check_name(const ucs4_t *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        enum derived derived = derive(name[i]);

        if (derived == DISALLOWED || (derived == BY_CONTEXT && !fits_context(name, length, i)))
            return PRECIS_CHARACTER;
    }
    return length == 0 || fits_direction(name, length) ? PRECIS_FINE : PRECIS_DIRECTION;
}

enum precis_fault precis_username(const char *name, char mapped[PRECIS_NAME_BYTES])
{
    ucs4_t codes[PRECIS_NAME_CHARACTERS], form[3 * PRECIS_NAME_CHARACTERS];
    size_t length = strlen(name), count = 0, form_length = 3 * PRECIS_NAME_CHARACTERS, out = PRECIS_NAME_BYTES - 1;

    mapped[0] = '\0';
    for (size_t at = 0, step; at < length; at += step, count++) {
        step = utf8_sequence(name + at, length - at);
        if (step == 0 || count == PRECIS_NAME_CHARACTERS)
            return PRECIS_CHARACTER;
        codes[count] = without_width(utf8_code_point(name + at, step));
    }
    /* Both write to the given place when there is room, which there is. */
    if (u32_normalize(UNINORM_NFC, codes, count, form, &form_length) != form ||
        u32_to_u8(form, form_length, (uint8_t *)mapped, &out) != (uint8_t *)mapped)
        return PRECIS_CHARACTER;
    mapped[out] = '\0';
    return check_name(form, form_length);
}

/* --- passwords */

/*
 * Section 4.2.2 of RFC 8265: spaces (general category Zs) become U+0020. In place, since the text does not get longer.
 */
static size_t map_spaces(char *text, size_t length)
{
    size_t out = 0;

    for (size_t at = 0, step; at < length; at += step) {
        step = utf8_sequence(text + at, length - at);
        if (step > 1 && uc_is_general_category_withtable(utf8_code_point(text + at, step), UC_CATEGORY_MASK_Zs)) {
            text[out++] = ' ';
        } else {
            memmove(text + out, text + at, step);
            out += step;
        }
    }
    return out;
}

size_t precis_password(const char *text, size_t length, char *prepared, size_t room)
{
    size_t made = room;
    uint8_t *form;

    if (utf8_check(text, length) != length)
        return 0;
    form = u8_normalize(UNINORM_NFC, (const uint8_t *)text, length, (uint8_t *)prepared, &made);
    if (form != (uint8_t *)prepared) {
        free(form);
        return 0;
    }
    return map_spaces(prepared, made);
}
