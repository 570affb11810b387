/* A stored file read from its beginning to its end, a piece in each step of a job. */
#ifndef MAYFLY_APP_FILE_READER_H
#define MAYFLY_APP_FILE_READER_H

#include "app/exchange.h"

/* A block of the back end "postgres", which is also what a turn may take (http/fcgi.c). */
enum { FILE_READER_BYTES = 256 * 1024 };

struct file_reader {
    const struct object_ops *back_end;
    struct object object;
    struct arena scratch;
    unsigned char *bytes;
    int64_t offset; /* of the next byte; may be moved between two calls */
};

/* A reader of an object that is whole; its memory goes with the request. */
bool file_reader_new(struct exchange *, const struct file *, struct file_reader **, struct err *) MUST_CHECK;

/* The next bytes, alive until the next call; *length is 0 at the end. ERR_ABSENT: the file was removed meanwhile. */
bool file_reader_next(struct exchange *, struct file_reader *, const void **bytes, size_t *length,
                      struct err *) MUST_CHECK;

/* Goes on with another file, in the same memory. */
bool file_reader_turn_to(struct exchange *, struct file_reader *, const struct file *, struct err *) MUST_CHECK;

#endif
