/*
 * Usernames and passwords by PRECIS (RFC 8264): usernames are of its IdentifierClass, with the rules of RFC 8265's
 * UsernameCaseMapped; passwords are prepared by the rules of OpaqueString. Properties and normal forms are
 * libunistring's.
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
    /*
     * a character that is not allowed in identifiers, or not at this place: RFC 8264, section 4.2, RFC 5892, appendix A
     */
    PRECIS_CHARACTER,
    PRECIS_DIRECTION, /* characters of both directions, so that their order is ambiguous: RFC 5893, section 2 */
};

/*
 * What is wrong with a username of well-formed UTF-8, at most PRECIS_NAME_CHARACTERS long. mapped is the name in NFC,
 * with characters of full and half width replaced by the ordinary ones. Case is kept; it does not matter to the rules.
 */
enum precis_fault precis_username(const char *name, char mapped[PRECIS_NAME_BYTES]) MUST_CHECK;

/*
 * Writes a password as OpaqueString has it to prepared, which has room bytes: spaces of any kind become U+0020, and the
 * text is in NFC. Returns its length; 0 when there is no such form, since the text is not UTF-8, is empty or needs more
 * room. Nothing is refused, since older passwords must stay valid.
 */
size_t precis_password(const char *text, size_t length, char *prepared, size_t room);

#endif
