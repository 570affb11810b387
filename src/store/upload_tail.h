/*
 * What PostgreSQL keeps of a block that is not full yet, in pieces that follow one another in the block.
 *
 * What a request adds becomes a piece, together with those before it that are less than twice as long: so each is at least
 * twice as long as the next, a block of n bytes has log2(n) of them, and a byte is written about as often however small the
 * pieces are that come. To write all of the tail anew with each request would be 8 MiB for one byte.
 *
 * A worker of the release before reads one piece only: the trigger file_tail_whole (schema 0012) makes one of them when it
 * takes the lease.
 */
#ifndef MAYFLY_STORE_UPLOAD_TAIL_H
#define MAYFLY_STORE_UPLOAD_TAIL_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct upload;

/* As many as 1 GiB, the longest block, can have. */
enum { UPLOAD_PIECES_MAX = 32 };

struct upload_tail {
    size_t length; /* bytes of the block that are kept */
    size_t pieces;
    size_t starts[UPLOAD_PIECES_MAX];
};

/* Reads the tail into the block. */
bool upload_tail_load(struct upload *, struct err *) MUST_CHECK;

/*
 * Notes what keeps the bytes that the block holds, for the caller's transaction, and how many pieces there are then.
 * upload_tail_kept: it is committed.
 */
bool upload_tail_queue(struct upload *, struct err *) MUST_CHECK;
size_t upload_tail_pieces(const struct upload *);
void upload_tail_kept(struct upload *);

/* Notes that the other pieces go, where the back end is the database: a full block has taken the place of the first. */
bool upload_tail_queue_full(struct upload *, struct err *) MUST_CHECK;

/*
 * Notes that what is before this place goes, where the back end is another and has it. Bytes that were held may have filled
 * several blocks since, so there may be a tail of an earlier one.
 */
bool upload_tail_queue_removal(struct upload *, int64_t before, struct err *) MUST_CHECK;

#endif
