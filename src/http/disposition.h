/*
 * Content-Disposition, reading and writing (RFC 6266, RFC 7578, RFC 8187), and the names of files. A name comes from a
 * client and is never used as a path: it is kept for display, and a plainer one is made for the object's key.
 */
#ifndef MAYFLY_HTTP_DISPOSITION_H
#define MAYFLY_HTTP_DISPOSITION_H

#include "base/err.h"

#include <stddef.h>

enum {
    /* The limit of file systems, so that the file can be saved under its name. */
    DISPOSITION_NAME_BYTES = 255 + 1,
    /* With "uploads/" and an id before it a key stays far below the 1024 bytes of S3. */
    DISPOSITION_KEY_BYTES = 100 + 1,
    /* attachment; filename="…"; filename*=UTF-8''… with each byte of the name as %XX. */
    DISPOSITION_BYTES = 64 + 4 * DISPOSITION_NAME_BYTES,
};

/* Members that are not given are NULL. The lengths count NULs inside. */
struct disposition {
    const char *type; /* "form-data", "attachment", … as sent */
    const char *name;
    size_t name_length;
    const char *filename; /* filename* if it can be decoded, else filename, else filename* as it came; not made safe */
    size_t filename_length;
};

/*
 * Reads a field's value in place: *disposition points into value, which is changed, and value[length] must be writable
 * too, for a NUL. Browsers' %22, %0D and %0A in name and filename are undone (WHATWG HTML, section 4.10.22.8).
 * ERR_INPUT says what is wrong.
 */
bool disposition_read(char *value, size_t length, struct disposition *, struct err *) MUST_CHECK;

/*
 * A name that is safe to show and to save: the part after the last /, or after the last \ of a path of Windows, as
 * well-formed UTF-8 (other bytes, and any other \, become '_'), without control characters and those that turn the
 * direction of writing or can't be seen, without surplus combining marks (base/text_limit.h), without spaces at both
 * ends; cut to 255 bytes at a character, but with its extension; "file" when only dots and spaces are left. A safe name
 * stays unchanged.
 */
void disposition_name(const char *name, size_t length, char safe[DISPOSITION_NAME_BYTES]);

/*
 * A name for an object's key, made of a safe name: only unreserved characters (RFC 3986); each run of others becomes
 * one '_'. Cut to 100 bytes, but with its extension.
 */
void disposition_key(const char *name, size_t length, char key[DISPOSITION_KEY_BYTES]);

enum disposition_kind { DISPOSITION_ATTACHMENT, DISPOSITION_INLINE };

/*
 * The field's value for a file of this name, which is made safe first: a name in ASCII, and the full one if it differs.
 */
void disposition_format(enum disposition_kind, const char *name, char value[DISPOSITION_BYTES]);

#endif
