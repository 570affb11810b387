/*
 * The tail: the bytes of a block that is not full yet, kept in PostgreSQL in pieces that follow one another.
 *
 * The bytes that a request adds become a piece, joined with the pieces before it that are less than twice as long. So
 * each piece is at least twice as long as the next, a block of n bytes has log2(n) pieces, and a byte is written about
 * as often, however small the requests are. To write the whole tail with each request would cost up to 8 MiB for one
 * byte.
 *
 * A worker of the release before reads one piece only. The trigger file_tail_whole (schema 0012) joins the pieces when
 * it takes the lease.
 */
#ifndef MAYFLY_STORE_UPLOAD_TAIL_H
#define MAYFLY_STORE_UPLOAD_TAIL_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct upload;

/* The most pieces that the longest block, of 1 GiB, can have. */
enum { UPLOAD_PIECES_MAX = 32 };

struct upload_tail {
    size_t length; /* bytes of the block that are kept */
    size_t pieces;
    size_t starts[UPLOAD_PIECES_MAX];
};

/* Reads the tail into the block. */
bool upload_tail_load(struct upload *, struct err *) MUST_CHECK;

/*
 * upload_tail_queue queues, for the caller's transaction, what stores the bytes of the block. upload_tail_pieces: how
 * many pieces there are then. upload_tail_kept: the transaction is committed.
 */
bool upload_tail_queue(struct upload *, struct err *) MUST_CHECK;
size_t upload_tail_pieces(const struct upload *);
void upload_tail_kept(struct upload *);

/*
 * With a back end in the database: queues the removal of the other pieces, since a full block has replaced the first.
 */
bool upload_tail_queue_full(struct upload *, struct err *) MUST_CHECK;

/*
 * With another back end: queues the removal of the tail before this place, which the back end has. Bytes that were
 * added may have filled several blocks since, so it may be the tail of an earlier block.
 */
bool upload_tail_queue_removal(struct upload *, int64_t before, struct err *) MUST_CHECK;

#endif
