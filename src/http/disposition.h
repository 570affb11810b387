/*
 * Content-Disposition, both ways (RFC 6266, RFC 7578, RFC 8187), and the names of files. A name comes from a client and is
 * never used as a path: it is kept for display, and a plainer one is made for the object's key.
 */
#ifndef MAYFLY_HTTP_DISPOSITION_H
#define MAYFLY_HTTP_DISPOSITION_H

#include "base/err.h"

#include <stddef.h>

enum {
    /* What file systems take, so that the file can be saved under its name. */
    DISPOSITION_NAME_BYTES = 255 + 1,
    /* With "uploads/" and an id before it a key stays far below S3's 1024 bytes. */
    DISPOSITION_KEY_BYTES = 100 + 1,
    /* attachment; filename="…"; filename*=UTF-8''… with each byte of the name as %XX. */
    DISPOSITION_BYTES = 64 + 4 * DISPOSITION_NAME_BYTES,
};

/* NULL for what is not given. The lengths tell of NULs inside. */
struct disposition {
    const char *type; /* "form-data", "attachment", … as sent */
    const char *name;
    size_t name_length;
    const char *filename; /* filename* if it can be read, else filename, else what filename* has; not made safe */
    size_t filename_length;
};

/*
 * Reads a field's value in place: *disposition points into value, which is changed, and value[length] must be writable
 * too, for a NUL. Browsers' %22, %0D and %0A in name and filename are undone (WHATWG HTML, section 4.10.22.8).
 * ERR_INPUT says what is wrong.
 */
bool disposition_read(char *value, size_t length, struct disposition *, struct err *) MUST_CHECK;

/*
 * A name that is safe to show and to save: what follows the last /, or the last \ of a path of Windows, well-formed UTF-8 (other
 * bytes, and any other \, become '_'),
 * without control characters and those that turn the direction of writing or can't be seen, without combining marks that
 * are too many (base/text_limit.h), without spaces around it; cut to 255 bytes at a character, but with its extension; "file"
 * when nothing but dots and spaces is left. What is safe already stays as it is.
 */
void disposition_name(const char *name, size_t length, char safe[DISPOSITION_NAME_BYTES]);

/*
 * A name for an object's key: of a safe name, unreserved characters (RFC 3986) only; others, however many stand together,
 * become one '_'. Cut to 100 bytes, but with its extension.
 */
void disposition_key(const char *name, size_t length, char key[DISPOSITION_KEY_BYTES]);

enum disposition_kind { DISPOSITION_ATTACHMENT, DISPOSITION_INLINE };

/* The field's value for a file of this name, which is made safe first: a name in ASCII, and the true one if it differs. */
void disposition_format(enum disposition_kind, const char *name, char value[DISPOSITION_BYTES]);

#endif
