/* A stored file read from its beginning to its end, or a part of it, a piece in each turn. */
#ifndef MAYFLY_APP_FILE_FILE_READER_H
#define MAYFLY_APP_FILE_FILE_READER_H

#include "app/exchange.h"

/* A block of the back end "postgres", which is also what a turn may take (fcgi/request.c). */
enum { FILE_READER_BYTES = BLOCK_POOL_BYTES };

struct file_reader {
    const struct object_ops *back_end;
    struct object object;
    struct uuid account;
    struct arena scratch;
    struct block_pool *blocks;
    struct object_store *store;
    unsigned char *bytes;
    unsigned char *ahead; /* NULL, or what file_reader_next gives: all that it wants */
    bool expects;         /* the back end has begun to read that */
    int64_t offset, end;  /* of the next byte, and of the first that is not wanted */
};

/* A reader of an object that is whole; its memory goes with the request. */
bool file_reader_new(struct exchange *, const struct file *, struct file_reader **, struct err *) MUST_CHECK;

/*
 * The next bytes, alive until the next call; *length is 0 at the end. ERR_ABSENT: the file was removed meanwhile; ERR_BUG: its
 * object is lost, which fsck finds too.
 */
bool file_reader_next(struct exchange *, struct file_reader *, const void **bytes, size_t *length,
                      struct err *) MUST_CHECK;

/*
 * What it means that the back end has no such object, or a shorter one: sets the error and returns false. A storage that
 * has lost a file is no passing outage, and the file is not absent for who is told of it by every list.
 */
bool file_reader_lost(struct exchange *, const struct uuid *id, const struct uuid *account, struct err *);

/* Lets go of the memory until file_reader_next, which begins with the last `unread` bytes that it gave. */
void file_reader_rest(struct file_reader *, size_t unread);

/*
 * Begins to read what file_reader_next gives next, when the back end can, while the caller does something else; what was given stays alive.
 * file_reader_settle then waits for it, before anybody else may use the back end.
 */
void file_reader_expect(struct file_reader *);
void file_reader_settle(struct file_reader *);

/* The next byte is that at offset, and length bytes from there are wanted. */
void file_reader_seek(struct file_reader *, int64_t offset, int64_t length);

/* Goes on with another file, in the same memory. */
bool file_reader_turn_to(struct exchange *, struct file_reader *, const struct file *, struct err *) MUST_CHECK;

#endif
