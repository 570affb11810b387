/*
 * AWS Signature Version 4 for S3 ("Authenticating Requests", Amazon S3 API Reference): pure functions from a request
 * and a time to its signature. Paths are not normalised, and are encoded once. The signer of libcurl 7.88 does not sort
 * queries, encode paths or presign.
 */
#ifndef MAYFLY_OBJECT_SIGV4_H
#define MAYFLY_OBJECT_SIGV4_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sha256.h"
#include "object/access_key.h"

/* Instead of a payload's SHA-256, for presigned URLs, where it is not known. */
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

enum {
    SIGV4_DATE_BYTES = sizeof "20130524T000000Z",
    SIGV4_SECONDS_MAX = 7 * 24 * 3600 /* S3's limit of a URL's life */
};

struct sigv4_pair {
    const char *name;
    const char *value;
};

/* All is borrowed. Values are not encoded; the signer encodes them. */
struct sigv4_request {
    const char *method;
    const char *path; /* begins with '/' */
    const struct sigv4_pair *query;
    size_t query_count;
    const struct sigv4_pair *headers; /* names in lower case, each once; all are signed; host must be among them */
    size_t header_count;
    const char *payload; /* SHA-256 in hex, or SIGV4_UNSIGNED */
};

/* The key, the scope and the time of a signature. */
struct sigv4_signer {
    const struct access_key *key;
    const char *region;
    const char *service; /* "s3" */
    int64_t now_ms;      /* since 1970; servers refuse a difference of more than 15 minutes */
};

/* Strings in the arena. */
struct sigv4_signed {
    const char *path;          /* encoded; must be sent exactly like this */
    const char *query;         /* encoded and sorted; a presigned one ends with its signature */
    const char *canonical;     /* the canonical request, for tests and for finding errors */
    const char *authorization; /* sigv4_sign only: the header's value */
    char date[SIGV4_DATE_BYTES];
    char signature[SHA256_HEX_BYTES];
};

/*
 * Signs a request by headers. The caller sends request->headers as they are, including those that the signature needs,
 * such as x-amz-date (sigv4_date).
 */
bool sigv4_sign(struct arena *, const struct sigv4_signer *, const struct sigv4_request *, struct sigv4_signed *,
                struct err *) MUST_CHECK;

/*
 * Signs a URL that is valid for so many seconds, from 1 to SIGV4_SECONDS_MAX. Its user must send request->headers
 * exactly.
 */
bool sigv4_presign(struct arena *, const struct sigv4_signer *, const struct sigv4_request *, int64_t seconds,
                   struct sigv4_signed *, struct err *) MUST_CHECK;

/* Writes the time for x-amz-date. */
void sigv4_date(int64_t now_ms, char date[SIGV4_DATE_BYTES]);

/*
 * Encodes all but unreserved characters (RFC 3986) as %XX, in the arena. keep is one more character to leave, or '\0'.
 */
const char *sigv4_encode(struct arena *, const char *text, char keep) MUST_CHECK;

#endif
