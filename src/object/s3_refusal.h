/* What an answer of S3's means that is no success. For object/s3_call only. */
#ifndef MAYFLY_OBJECT_S3_REFUSAL_H
#define MAYFLY_OBJECT_S3_REFUSAL_H

#include "object/s3_request.h"

enum {
    S3_CODE_BYTES = 64,     /* of S3's word for an error; the longest documented has 46 */
    S3_REFUSED_RETRY_S = 30 /* somebody has to look into it, so a second is too soon to come again */
};

/* What is read of it beside its head. */
struct s3_refusal {
    char code[S3_CODE_BYTES];   /* "": it has no word */
    char region[S3_CODE_BYTES]; /* where the bucket is, when it says so */
    bool has_body;
};

/* Takes an element of the body; false when it belongs to no error. */
bool s3_refusal_element(struct s3_refusal *, const char *path, const char *text);

/* Whether it may pass by itself, so that the same is asked again. */
bool s3_refusal_passes(const struct s3_refusal *, const struct s3_answer *);

/*
 * Sets the error and returns false. ERR_ABSENT, ERR_CONFLICT and ERR_METHOD are as object/s3.h has them; ERR_DOWN when the
 * storage lets nobody of ours in, which goes on until its administrator or ours has changed something, and then is over
 * for the same request; ERR_BUG when it would refuse this request for ever.
 */
bool s3_refusal_set(const struct s3_refusal *, const struct s3_request *, const struct s3_answer *, struct err *);

/* What came is no answer of S3's: a proxy may be in the way, or a setting wrong. Turns ERR_BUG into ERR_DOWN; returns false. */
bool s3_refusal_nonsense(struct err *);

#endif
