/*
 * Strings that identify somebody, by PRECIS (RFC 8264): usernames are of its IdentifierClass, with the rules of RFC 8265's
 * UsernameCaseMapped; passwords are made one text by those of OpaqueString. By libunistring's properties and normal forms.
 */
#ifndef MAYFLY_BASE_PRECIS_H
#define MAYFLY_BASE_PRECIS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PRECIS_NAME_CHARACTERS = 64, /* TEXT_USERNAME has no more */
    /* NFC makes at most three code points of one, and one has at most four bytes. */
    PRECIS_NAME_BYTES = PRECIS_NAME_CHARACTERS * 3 * 4 + 1,
};

enum precis_fault {
    PRECIS_FINE,
    PRECIS_CHARACTER, /* one that is not for identifiers, or not at this place: RFC 8264, section 4.2, RFC 5892, appendix A */
    PRECIS_DIRECTION, /* from right to left and from left to right, so that its order can't be told: RFC 5893, section 2 */
};

/*
 * What is wrong with a username of well-formed UTF-8, at most PRECIS_NAME_CHARACTERS long. mapped is the name with characters of
 * full and half width as the ordinary ones, in NFC. Case is left as it is: it counts for nothing in the rules.
 */
enum precis_fault precis_username(const char *name, char mapped[PRECIS_NAME_BYTES]) MUST_CHECK;

/*
 * A password as OpaqueString has it: spaces of any kind are U+0020, and what can be written in several ways is in NFC. The
 * length of what was written to prepared, which has room bytes; 0 when there is no such form: the text is not UTF-8, is empty or
 * needs more room. Nothing is refused, since there are passwords of before.
 */
size_t precis_password(const char *text, size_t length, char *prepared, size_t room);

#endif
