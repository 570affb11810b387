/*
 * An S3-compatible object storage (Amazon S3 API Reference, version 2006-03-01). Connections are made when they are first
 * needed and kept; nothing is done before that, not even the key is read.
 *
 * Whoever calls waits for the answer. Within a coroutine (base/coroutine.h) others go on meanwhile, and many may have an
 * exchange in hand; a worker's loop itself may ask for nothing but URLs.
 *
 * A cut connection, a time-out, a 5xx and what S3 documents as "try again" are tried again s3_retries times, each after a
 * longer, random wait, and within s3_timeout_ms altogether; nothing else is. So each of these functions may have been
 * carried out twice, and each of them may be.
 *
 * Errors: ERR_DOWN when the storage is away, lets nobody of ours in or does not answer as S3 does: once that is over, or
 * somebody has changed a setting, the same request succeeds. ERR_ABSENT when the object or upload is not there; ERR_CONFLICT
 * when an upload has other parts than were named; ERR_METHOD when the storage does without this operation, only where that
 * is said; ERR_BUG when it refuses what we ask for as such, or there is no key of ours. S3's own word for it is in the
 * detail and the log, the key never is.
 *
 * Keys and other strings are given as they are meant. Results live in the arena.
 */
#ifndef MAYFLY_OBJECT_S3_H
#define MAYFLY_OBJECT_S3_H

#include "base/arena.h"
#include "base/config.h"
#include "base/coroutine.h"
#include "base/err.h"
#include "base/log.h"

struct s3;

enum {
    S3_KEY_MAX = 1024,    /* bytes, as S3 has it */
    S3_PARTS_MAX = 10000, /* of one upload */
    S3_PAGE_MAX = 1000,   /* keys, uploads or parts in one answer */
    S3_TAG_MAX = 128,     /* of an ETag: AWS 34, others somewhat more */
};

/*
 * Connects to nothing. config, clock, log and the coroutines, NULL where there are none, are borrowed. ERR_INPUT when the
 * endpoint or the bucket can't be right.
 */
bool s3_new(struct s3 **, const struct config *, const struct clock *, const struct log *, struct coroutines *,
            struct err *) MUST_CHECK;
void s3_free(struct s3 *);

/*
 * Whether libcurl is there and the certificates and, if asked for, the key can be read: otherwise that shows when somebody
 * wants a file. Asks no server. ERR_INPUT says what can't.
 */
bool s3_check(const struct config *, bool key, struct err *) MUST_CHECK;

/* Whether the bucket answers to our key. */
bool s3_ping(struct s3 *, struct arena *, struct err *) MUST_CHECK;

/* --- Objects. Bytes are borrowed; type is a media type. */

bool s3_put(struct s3 *, struct arena *, const char *key, const char *type, const void *bytes, size_t length,
            struct err *) MUST_CHECK;

/*
 * Up to size bytes from offset on; *length is less only at the end, and 0 from there on. whole: how long the object is to be
 * (ERR_BUG when it is not), -1: as long as it is.
 */
bool s3_get(struct s3 *, struct arena *, const char *key, int64_t offset, int64_t whole, void *bytes, size_t size,
            size_t *length, struct err *) MUST_CHECK;

/* A 404 to HEAD has no body: a bucket that is not there looks like an absent object. */
bool s3_head(struct s3 *, struct arena *, const char *key, int64_t *size, struct err *) MUST_CHECK;

/* True when it is not there any more, or never was. */
bool s3_delete(struct s3 *, struct arena *, const char *key, struct err *) MUST_CHECK;

/* --- Uploads in parts. Numbers begin with 1; all parts but the last have at least 5 MiB. */

struct s3_part {
    int64_t number;
    const char *tag; /* what s3_upload_part gave: the ETag without its quotes */
    int64_t size;    /* in lists */
};

/* An ETag without its quotes, in the arena; NULL for what none of S3's can be, and when memory is out. */
const char *s3_tag(struct arena *, const char *tag) MUST_CHECK;

/* When it was carried out twice, the first upload's id is lost: s3_uploads finds it. */
bool s3_upload_begin(struct s3 *, struct arena *, const char *key, const char *type, const char **upload,
                     struct err *) MUST_CHECK;

/* The last one with a number counts. */
bool s3_upload_part(struct s3 *, struct arena *, const char *key, const char *upload, int64_t number, const void *bytes,
                    size_t length, const char **tag, struct err *) MUST_CHECK;

/* The same with length bytes from offset on of an object that is in the bucket already; they pass no worker. */
bool s3_upload_copy(struct s3 *, struct arena *, const char *key, const char *upload, int64_t number, const char *from,
                    int64_t offset, int64_t length, const char **tag, struct err *) MUST_CHECK;

/*
 * Makes the object of these parts, in order. All parts that were uploaded must be listed: radosgw refuses otherwise. When
 * repeated, some storages say that it worked (radosgw without an ETag) and some ERR_ABSENT: ask s3_head.
 */
bool s3_upload_complete(struct s3 *, struct arena *, const char *key, const char *upload, const struct s3_part *parts,
                        size_t count, struct err *) MUST_CHECK;

/* True when it is not there any more, or never was. ERR_METHOD. */
bool s3_upload_abort(struct s3 *, struct arena *, const char *key, const char *upload, struct err *) MUST_CHECK;

/* --- Lists, in order, a page at a time: at most `most` items, which is at most S3_PAGE_MAX. */

struct s3_part_page {
    struct s3_part *parts;
    size_t count;
    bool more;
};
/* Parts with numbers after `after`. ERR_METHOD. */
bool s3_upload_parts(struct s3 *, struct arena *, const char *key, const char *upload, int64_t after, size_t most,
                     struct s3_part_page *, struct err *) MUST_CHECK;

struct s3_item {
    const char *key;
    const char *upload; /* of an unfinished upload; "" for an object */
    const char *time;   /* of the last change or of the beginning, as S3 writes it: 2026-11-24T18:16:44.000Z */
    int64_t size;       /* of an object */
};
struct s3_page {
    struct s3_item *items;
    size_t count;
    bool more;
};
/* Objects whose keys begin with prefix and come after `after`. ERR_METHOD. */
bool s3_objects(struct s3 *, struct arena *, const char *prefix, const char *after, size_t most, struct s3_page *,
                struct err *) MUST_CHECK;
/* Unfinished uploads, likewise, by their keys. An upload whose parts are all gone is one too. ERR_METHOD. */
bool s3_uploads(struct s3 *, struct arena *, const char *prefix, const char *after, size_t most, struct s3_page *,
                struct err *) MUST_CHECK;

/* --- URLs that work without a key for a time */

struct s3_grant {
    const char *method;      /* GET, HEAD or PUT */
    int64_t seconds;         /* at most a week */
    const char *type;        /* GET: answer with this media type; PUT: only with this one. NULL: as it is; any */
    const char *disposition; /* GET: answer with this Content-Disposition; NULL: without */
    int64_t length;          /* PUT: of exactly so many bytes; -1: any */
    const char *upload;      /* PUT: of a part of this upload; NULL: of the object */
    int64_t part;
    bool browser; /* by s3_public_endpoint */
};
/* Asks nobody. */
bool s3_presign(struct s3 *, struct arena *, const char *key, const struct s3_grant *, const char **url,
                struct err *) MUST_CHECK;

#endif
