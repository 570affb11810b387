/*
 * Objects in PostgreSQL, for installations without an object storage. A block is a row of file_chunk, keyed by its
 * offset. put_block and finish only queue their rows, which are written in the caller's transaction together with the
 * offset.
 */
#ifndef MAYFLY_OBJECT_OBJECT_POSTGRES_H
#define MAYFLY_OBJECT_OBJECT_POSTGRES_H

#include "object/object.h"

extern const struct object_ops object_postgres;

#endif
