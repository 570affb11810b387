/*
 * A client of an S3-compatible object storage (Amazon S3 API Reference, version 2006-03-01). Connections are made at
 * the first request and kept. Nothing is done before that; not even the key is read.
 *
 * A call waits for the answer. In a coroutine (base/coroutine.h) other requests are served meanwhile, and many may have
 * an exchange at a time. The loop of a worker itself may only ask for URLs.
 *
 * A cut connection, a time-out, a 5xx, and what S3 documents as "try again" are retried s3_retries times, after random
 * waits that become longer, and within s3_timeout_ms in all. Nothing else is retried. So each of these functions may
 * have been carried out twice, and may be called twice.
 *
 * Errors: ERR_DOWN when the storage can't be reached, refuses every request, or does not answer as S3 does; the same
 * request succeeds once that is over or a setting was corrected. ERR_ABSENT when the object or the upload does not
 * exist. ERR_CONFLICT when an upload has other parts than were named. ERR_METHOD when the storage lacks this operation,
 * for the functions that say so. ERR_BUG when it refuses this request, or there is no key. The detail and the log have
 * S3's own code, and never the key.
 *
 * Keys and other strings are given without encoding. Results are in the arena.
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
 * Makes no connection. config, clock, log and the coroutines, which may be NULL, are borrowed. ERR_INPUT: the endpoint
 * or the bucket is not well-formed.
 */
bool s3_new(struct s3 **, const struct config *, const struct clock *, const struct log *, struct coroutines *,
            struct err *) MUST_CHECK;
void s3_free(struct s3 *);

/*
 * Checks, without a request, that libcurl can be loaded and that the certificates and, if asked for, the key can be
 * read; otherwise the first request for a file would find out. ERR_INPUT says what is missing.
 */
bool s3_check(const struct config *, bool key, struct err *) MUST_CHECK;

/* Checks that the bucket accepts the key. */
bool s3_ping(struct s3 *, struct arena *, struct err *) MUST_CHECK;

/* --- Objects. Bytes are borrowed; type is a media type. */

bool s3_put(struct s3 *, struct arena *, const char *key, const char *type, const void *bytes, size_t length,
            struct err *) MUST_CHECK;

/*
 * Reads up to size bytes from offset on. *length is less than size only at the end, and 0 beyond it. whole: the
 * expected length of the object (ERR_BUG when it has another); -1: any.
 */
bool s3_get(struct s3 *, struct arena *, const char *key, int64_t offset, int64_t whole, void *bytes, size_t size,
            size_t *length, struct err *) MUST_CHECK;

/* A 404 to HEAD has no body, so a missing bucket looks like a missing object. */
bool s3_head(struct s3 *, struct arena *, const char *key, int64_t *size, struct err *) MUST_CHECK;

/* Removes an object. It is not an error when there is none. */
bool s3_delete(struct s3 *, struct arena *, const char *key, struct err *) MUST_CHECK;

/* --- Uploads in parts. Numbers begin with 1; all parts but the last have at least 5 MiB. */

struct s3_part {
    int64_t number;
    const char *tag; /* given by s3_upload_part: the ETag without its quotes */
    int64_t size;    /* in lists */
};

/* An ETag without its quotes, in the arena. NULL: it is not an ETag that S3 makes, or memory is out. */
const char *s3_tag(struct arena *, const char *tag) MUST_CHECK;

/* When the request was carried out twice, the id of the first upload is lost; s3_uploads finds it. */
bool s3_upload_begin(struct s3 *, struct arena *, const char *key, const char *type, const char **upload,
                     struct err *) MUST_CHECK;

/* Puts a part. The last one with a number counts. */
bool s3_upload_part(struct s3 *, struct arena *, const char *key, const char *upload, int64_t number, const void *bytes,
                    size_t length, const char **tag, struct err *) MUST_CHECK;

/* The same with length bytes from offset on of an object in the bucket, copied by the storage. */
bool s3_upload_copy(struct s3 *, struct arena *, const char *key, const char *upload, int64_t number, const char *from,
                    int64_t offset, int64_t length, const char **tag, struct err *) MUST_CHECK;

/*
 * Makes the object of these parts, in order. All parts that were put must be listed; radosgw refuses otherwise. When it
 * is repeated, some storages answer success (radosgw without an ETag) and some ERR_ABSENT: ask s3_head then.
 */
bool s3_upload_complete(struct s3 *, struct arena *, const char *key, const char *upload, const struct s3_part *parts,
                        size_t count, struct err *) MUST_CHECK;

/* Removes an unfinished upload. It is not an error when there is none. ERR_METHOD. */
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
    /* of the last change of an object or of the beginning of an upload, as S3 writes it: 2026-11-24T18:16:44.000Z */
    const char *time;
    int64_t size; /* of an object */
};
struct s3_page {
    struct s3_item *items;
    size_t count;
    bool more;
};
/* Objects whose keys begin with prefix and come after `after`. ERR_METHOD. */
bool s3_objects(struct s3 *, struct arena *, const char *prefix, const char *after, size_t most, struct s3_page *,
                struct err *) MUST_CHECK;
/* Unfinished uploads, in the same way. An upload without parts is listed too. ERR_METHOD. */
bool s3_uploads(struct s3 *, struct arena *, const char *prefix, const char *after, size_t most, struct s3_page *,
                struct err *) MUST_CHECK;

/* --- URLs that work without a key for a time */

struct s3_grant {
    const char *method; /* GET, HEAD or PUT */
    int64_t seconds;    /* at most a week */
    /* GET: answer with this media type; PUT: it must be sent with this one. NULL: unchanged; any */
    const char *type;
    const char *disposition; /* GET: answer with this Content-Disposition; NULL: none */
    int64_t length;          /* PUT: of exactly so many bytes; -1: any */
    const char *upload;      /* PUT: of a part of this upload; NULL: of the object */
    int64_t part;
    bool browser; /* by s3_public_endpoint */
};
/* Sends no request. */
bool s3_presign(struct s3 *, struct arena *, const char *key, const struct s3_grant *, const char **url,
                struct err *) MUST_CHECK;

#endif
