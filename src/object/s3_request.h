/*
 * A request to S3 before it is sent: what it asks, of which endpoint, with which signature. For object/s3 and its parts
 * only.
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

/* The address for requests of workers, or of browsers. */
struct s3_endpoint {
    bool secure;
    char host[S3_HOST_MAX]; /* as in the Host header, without the standard port of the scheme */
};

/* A request, and what takes its answer. Strings and bytes are borrowed. */
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

    /*
     * The body of a 2xx answer goes to bytes if size is not 0. Otherwise it is XML whose elements go to element, if
     * that is set; begin prepares for another attempt. Otherwise it is ignored.
     */
    unsigned char *bytes;
    size_t size;
    size_t length;
    s3_xml_element *element;
    void (*begin)(void *arg);
    void *arg;

    /*
     * Some storages do not have this operation, or do not permit it: ERR_METHOD then, instead of ERR_BUG or ERR_DOWN.
     */
    bool may_lack;
    bool may_be_denied;
};

/* The headers of an answer that are read. */
enum s3_header {
    S3_HEADER_ETAG,
    S3_HEADER_LENGTH,
    S3_HEADER_RANGE,
    S3_HEADER_DATE,
    S3_HEADER_RETRY_AFTER,
    S3_HEADER_REGION,     /* the region of the bucket */
    S3_HEADER_REQUEST_ID, /* for the administrator of the storage */
    S3_HEADER_COUNT
};

/* The answer of one exchange. */
struct s3_answer {
    long status;                         /* 0: no answer came */
    const char *header[S3_HEADER_COUNT]; /* in the arena; "": the answer does not have it */
};

/* A signed request, in the arena. */
struct s3_signed {
    const char *url;
    struct sigv4_pair headers[S3_HEADERS_MAX + 5]; /* of the request, of the signature, and the signature itself */
    size_t header_count;
};

/* Prepares for an answer. */
void s3_answer_init(struct s3_answer *);

/* Reads https://host:port. ERR_INPUT names the setting. */
bool s3_endpoint_parse(const char *setting, const char *url, struct s3_endpoint *, struct err *) MUST_CHECK;

/* Add a parameter or a header. Names of headers are in lower case. If there are too many, signing fails. */
void s3_request_query(struct s3_request *, const char *name, const char *value);
void s3_request_header(struct s3_request *, const char *name, const char *value);

/*
 * Signs the request with the SHA-256 of its body. ERR_BUG: it can't be sent, for a control character in a header or too
 * long a key.
 */
bool s3_request_sign(struct arena *, const struct config *, const struct s3_endpoint *, const struct sigv4_signer *,
                     const struct s3_request *, struct s3_signed *, struct err *) MUST_CHECK;

/* Signs a URL of the request that is valid for so many seconds. Its user must send the headers of the request. */
bool s3_request_presign(struct arena *, const struct config *, const struct s3_endpoint *, const struct sigv4_signer *,
                        const struct s3_request *, int64_t seconds, const char **url, struct err *) MUST_CHECK;

/* Reads a number as S3 writes it, of digits only. */
bool s3_number(const char *text, int64_t *number, struct err *) MUST_CHECK;

#endif
