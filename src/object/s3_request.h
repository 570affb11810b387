/*
 * One request to S3: what is asked, where, signed by whom, before anything is sent. For object/s3 and its parts only.
 */
#ifndef MAYFLY_OBJECT_S3_REQUEST_H
#define MAYFLY_OBJECT_S3_REQUEST_H

#include "base/config.h"
#include "object/s3_xml.h"
#include "object/sigv4.h"

enum {
    S3_HOST_MAX = 256,
    S3_QUERY_MAX = 8,    /* parameters of one request */
    S3_HEADERS_MAX = 12, /* headers of one request */
};

/* Where requests go: of the worker, or of browsers. */
struct s3_endpoint {
    bool secure;
    char host[S3_HOST_MAX]; /* as the Host header says, without the port that the scheme implies */
};

/* What is asked, and what to do with the answer. Strings and bytes are borrowed. */
struct s3_request {
    const char *name; /* for errors and the log */
    const char *method;
    const char *key; /* "" for the bucket itself */
    struct sigv4_pair query[S3_QUERY_MAX];
    size_t query_count;
    struct sigv4_pair headers[S3_HEADERS_MAX];
    size_t header_count;
    const void *body;
    size_t body_length;

    /* A 2xx body goes here, when size is not 0… */
    unsigned char *bytes;
    size_t size;
    size_t length;
    /* …or is XML whose elements go here; begin makes ready for another attempt. Neither: it is passed over. */
    s3_xml_element *element;
    void (*begin)(void *arg);
    void *arg;

    /* Not every storage has this operation, or need give it to us: ERR_METHOD then, where it is ERR_BUG or ERR_DOWN else. */
    bool may_lack;
    bool may_be_denied;
};

/* What is looked at of an answer's head. */
enum s3_header {
    S3_HEADER_ETAG,
    S3_HEADER_LENGTH,
    S3_HEADER_RANGE,
    S3_HEADER_DATE,
    S3_HEADER_RETRY_AFTER,
    S3_HEADER_REGION,     /* where the bucket is */
    S3_HEADER_REQUEST_ID, /* by which the storage's administrator finds it */
    S3_HEADER_COUNT
};

/* Of one exchange. */
struct s3_answer {
    long status;                         /* 0: none came */
    const char *header[S3_HEADER_COUNT]; /* "": it was not there; in the arena */
};

/* A request as it is to be sent; in the arena. */
struct s3_signed {
    const char *url;
    struct sigv4_pair headers[S3_HEADERS_MAX + 5]; /* the request's, the signature's own, and the signature */
    size_t header_count;
};

/* As before anything has come. */
void s3_answer_init(struct s3_answer *);

/* Reads https://host:port. ERR_INPUT names the setting. */
bool s3_endpoint_parse(const char *setting, const char *url, struct s3_endpoint *, struct err *) MUST_CHECK;

/* Header names are in lower case. That there were too many is told when the request is signed. */
void s3_request_query(struct s3_request *, const char *name, const char *value);
void s3_request_header(struct s3_request *, const char *name, const char *value);

/* Signs it with its body's SHA-256. ERR_BUG for what can't be sent: a control character in a header, too long a key. */
bool s3_request_sign(struct arena *, const struct config *, const struct s3_endpoint *, const struct sigv4_signer *,
                     const struct s3_request *, struct s3_signed *, struct err *) MUST_CHECK;

/* Signs a URL of it, for seconds. Whoever uses it must send its headers. */
bool s3_request_presign(struct arena *, const struct config *, const struct s3_endpoint *, const struct sigv4_signer *,
                        const struct s3_request *, int64_t seconds, const char **url, struct err *) MUST_CHECK;

/* A number as S3 gives it, of digits only. */
bool s3_number(const char *text, int64_t *number, struct err *) MUST_CHECK;

#endif
