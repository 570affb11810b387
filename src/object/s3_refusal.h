/* The meaning of an answer that is not a success. For object/s3_call only. */
#ifndef MAYFLY_OBJECT_S3_REFUSAL_H
#define MAYFLY_OBJECT_S3_REFUSAL_H

#include "object/s3_request.h"

enum {
    S3_CODE_BYTES = 64,     /* of the code of an error; the longest documented code has 46 */
    S3_REFUSED_RETRY_S = 30 /* an administrator has to act, so the client is told to wait for longer than a second */
};

/* What is read of the body of an error. */
struct s3_refusal {
    char code[S3_CODE_BYTES];   /* "": it has no code */
    char region[S3_CODE_BYTES]; /* the region of the bucket, if the error names it */
    bool has_body;
};

/* Takes an element of the body. False: it does not belong to an error. */
bool s3_refusal_element(struct s3_refusal *, const char *path, const char *text);

/* Whether the error may be temporary, so that the request is repeated. */
bool s3_refusal_passes(const struct s3_refusal *, const struct s3_answer *);

/*
 * Sets the error and returns false. ERR_ABSENT, ERR_CONFLICT and ERR_METHOD are as object/s3.h says. ERR_DOWN: the
 * storage refuses every request, until an administrator changes something; the same request then works. ERR_BUG: it
 * would refuse this request always.
 */
bool s3_refusal_set(const struct s3_refusal *, const struct s3_request *, const struct s3_answer *, struct err *);

/*
 * For an answer that S3 would not give, from a proxy or because of a wrong setting. Turns ERR_BUG into ERR_DOWN;
 * returns false.
 */
bool s3_refusal_nonsense(struct err *);

#endif
