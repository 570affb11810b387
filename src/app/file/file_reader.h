/* Reads a stored file, or a part of it, a piece in each turn. */
#ifndef MAYFLY_APP_FILE_FILE_READER_H
#define MAYFLY_APP_FILE_FILE_READER_H

#include "app/exchange.h"

/* A block of the back end "postgres", which is also the most that a turn may take (fcgi/request.c). */
enum { FILE_READER_BYTES = BLOCK_POOL_BYTES };

struct file_reader {
    const struct object_ops *back_end;
    struct object object;
    struct uuid account;
    struct arena scratch;
    struct block_pool *blocks;
    struct object_store *store;
    unsigned char *bytes;
    unsigned char *ahead; /* NULL, or all bytes that file_reader_next will give */
    bool expects;         /* the back end has begun to read them */
    int64_t offset, end;  /* of the next byte, and of the first byte that is not wanted */
};

/* Makes a reader of an object that is whole. Its memory is freed with the request. */
bool file_reader_new(struct exchange *, const struct file *, struct file_reader **, struct err *) MUST_CHECK;

/*
 * Gives the next bytes, valid until the next call. *length is 0 at the end. ERR_ABSENT: the file was removed meanwhile.
 * ERR_BUG: its object is lost, which fsck finds too.
 */
bool file_reader_next(struct exchange *, struct file_reader *, const void **bytes, size_t *length,
                      struct err *) MUST_CHECK;

/*
 * Sets the error for a missing object, or one that is too short, and returns false. A lost object is not a temporary
 * outage, and is not ERR_ABSENT as long as lists show the file.
 */
bool file_reader_lost(struct exchange *, const struct uuid *id, const struct uuid *account, struct err *);

/* Frees the memory until file_reader_next, which begins with the last `unread` bytes that it gave. */
void file_reader_rest(struct file_reader *, size_t unread);

/*
 * Begins to read what file_reader_next will give, if the back end can, while the caller does something else. The bytes
 * that were given stay valid. file_reader_settle then waits for the rest, before another request may use the back end.
 */
void file_reader_expect(struct file_reader *);
void file_reader_settle(struct file_reader *);

/* Continues at offset, with length bytes. */
void file_reader_seek(struct file_reader *, int64_t offset, int64_t length);

/* Continues with another file, in the same memory. */
bool file_reader_turn_to(struct exchange *, struct file_reader *, const struct file *, struct err *) MUST_CHECK;

#endif
