/*
 * The grammar of tus 1.0.0's header fields (https://tus.io/protocols/resumable-upload); what they ask for is done
 * elsewhere. Every reader takes a field's value, "" when it was not sent, and gives ERR_INPUT that names the field when
 * the value is wrong.
 */
#ifndef MAYFLY_HTTP_TUS_H
#define MAYFLY_HTTP_TUS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

#include <stdint.h>

#define TUS_VERSION "1.0.0"
#define TUS_CHECKSUM_ALGORITHMS "sha1,sha256"

/* Whether Tus-Resumable names our version; 412 when not. */
bool tus_version(const char *text);

/* Upload-Offset, which a PATCH must have. */
bool tus_offset(const char *text, int64_t *offset, struct err *) MUST_CHECK;

/* The length of an upload whose length is not known yet. */
enum { TUS_DEFERRED = -1 };

/*
 * Upload-Length and Upload-Defer-Length of a creation: exactly one of them, and the latter can only be 1. The length is
 * TUS_DEFERRED then.
 */
bool tus_length(const char *length_text, const char *defer_text, int64_t *length, struct err *) MUST_CHECK;

enum {
    TUS_METADATA_BYTES = 4096, /* of the field: a name of 255 bytes and a dozen short values, with room */
    TUS_METADATA_PAIRS = 32,
};

/* Upload-Metadata: keys are unique, values may be empty. Strings live in the arena. */
struct tus_metadata {
    size_t count;
    struct tus_pair {
        const char *key;
        const char *value; /* any bytes, and a NUL after them */
        size_t length;
    } pairs[TUS_METADATA_PAIRS];
};

bool tus_metadata_read(struct arena *, const char *text, struct tus_metadata *, struct err *) MUST_CHECK;

/* The pair of a key; NULL when there is none. Keys of the protocol are compared as they are, case counts. */
const struct tus_pair *tus_metadata_find(const struct tus_metadata *, const char *key);

/*
 * The file's name ("filename", else "name") and its type ("filetype", else "type") as clients send them; NULL without.
 */
const struct tus_pair *tus_metadata_name(const struct tus_metadata *);
const struct tus_pair *tus_metadata_type(const struct tus_metadata *);

enum tus_algorithm { TUS_NO_CHECKSUM, TUS_SHA1, TUS_SHA256 };

enum { TUS_DIGEST_MAX = 32 };

struct tus_checksum {
    enum tus_algorithm algorithm; /* TUS_NO_CHECKSUM when the field was not sent */
    size_t length;                /* of the digest */
    unsigned char digest[TUS_DIGEST_MAX];
};

/* Upload-Checksum. */
bool tus_checksum_read(const char *text, struct tus_checksum *, struct err *) MUST_CHECK;

/* More than clients upload in parallel, and as many absolute URLs as fit into one of nginx's header buffers (8 KiB). */
enum {
    TUS_CONCAT_MAX = 64,
    /* Of the field, as a header of nginx's has it and a row keeps it: 64 URLs of 126 bytes. */
    TUS_CONCAT_BYTES = 8 * 1024,
};

enum tus_concat_kind { TUS_WHOLE, TUS_PARTIAL, TUS_FINAL };

struct tus_concat {
    enum tus_concat_kind kind; /* TUS_WHOLE when the field was not sent */
    size_t count;              /* at least 1 when final */
    struct uuid parts[TUS_CONCAT_MAX];
};

/*
 * Upload-Concat: `partial`, or `final;` and the URLs of the parts in order, relative or absolute, each ending in
 * /uploads/ID. No part may come twice: it is moved into the whole, not copied.
 */
bool tus_concat_read(const char *text, struct tus_concat *, struct err *) MUST_CHECK;

#endif
