/*
 * Objects in S3: a block is a part of a multipart upload, the tail its last part. An object of a tail alone is one PUT.
 * Needs object_store.s3.
 */
#ifndef MAYFLY_OBJECT_OBJECT_S3_H
#define MAYFLY_OBJECT_OBJECT_S3_H

#include "object/object.h"

extern const struct object_ops object_s3;

#endif
