/*
 * multipart/form-data (RFC 7578, RFC 2046), read as it arrives: the parts, their bytes and the errors do not depend on
 * the slices in which a body is fed. No bytes of a part are kept or copied; this struct is all the memory.
 *
 *   PREAMBLE --delimiter--> LINE --CR LF--> HEADER --empty line--> DATA --delimiter--> LINE --"--"--> EPILOGUE
 *
 * A delimiter is CR LF "--" boundary. The first one may begin the body, and the one after a part without bytes may
 * follow its header directly: then the CR LF before it counts for both.
 */
#ifndef MAYFLY_HTTP_MULTIPART_H
#define MAYFLY_HTTP_MULTIPART_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046, section 5.1.1 */
    MULTIPART_HEADER_MAX = 4096, /* of one part: a name of 255 bytes in each of its two forms, with room */
    MULTIPART_NAME_MAX = 255,    /* bytes of a field's name */
    MULTIPART_TYPE_MAX = 255,    /* bytes of a content type; no registered one is longer than 127 + 1 + 127 */
    MULTIPART_PARTS_MAX = 256,   /* enough for a form of files chosen by hand, and bounded work for one request */
};

/* Valid during part_begin only. */
struct multipart_part {
    const char *name;     /* UTF-8 without NUL, not empty */
    const char *filename; /* NULL: not a file; as sent, so any bytes: see disposition_name */
    size_t filename_length;
    const char *type; /* "" when not given */
    int64_t offset;   /* of the part's first byte in the whole body */
};

/* Each returns false with an error to stop. */
struct multipart_events {
    bool (*part_begin)(void *user, const struct multipart_part *, struct err *);
    /* At least one byte: slices of the input, or of a delimiter's beginning. */
    bool (*part_data)(void *user, const void *bytes, size_t length, struct err *);
    bool (*part_end)(void *user, struct err *);
    void *user;
};

enum multipart_state {
    MULTIPART_PREAMBLE,
    MULTIPART_LINE,
    MULTIPART_HEADER,
    MULTIPART_DATA,
    MULTIPART_EPILOGUE,
    MULTIPART_BROKEN,
};

struct multipart {
    struct multipart_events events;
    enum multipart_state state;
    int64_t at; /* bytes of the body read so far */
    size_t parts;
    bool in_part;
    size_t delimiter_length;
    size_t matched;  /* how many of the delimiter's bytes the last bytes of the body have matched */
    size_t borrowed; /* of these: 2 when the CR LF belongs to what came before */
    char line_byte;  /* the state of the line after the boundary: '\0', ' ', '-' or CR */
    size_t header_length;
    size_t line_begin; /* of the header's last line */
    char delimiter[4 + MULTIPART_BOUNDARY_MAX];
    char header[MULTIPART_HEADER_MAX];
};

/*
 * From the request's Content-Type; ERR_INPUT when that is not multipart/form-data with a boundary. Copies what it
 * needs.
 */
bool multipart_init(struct multipart *, const char *content_type, const struct multipart_events *,
                    struct err *) MUST_CHECK;

/* Reads the next bytes. ERR_INPUT names the byte of the body that is wrong; after an error nothing more is read. */
bool multipart_feed(struct multipart *, const void *bytes, size_t length, struct err *) MUST_CHECK;

/* To be called at the end of the body: ERR_INPUT when there was no closing boundary. */
bool multipart_finish(const struct multipart *, struct err *) MUST_CHECK;

#endif
