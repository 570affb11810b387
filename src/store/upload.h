/*
 * A pending file in the hands of a worker.
 *
 *   upload_open: takes the lease, loads the tail and the running hash
 *     upload_add: bytes fill the block; a full one goes to the back end, then the new offset to the row; both together where
 *     the back end is the database
 *     upload_keep: what the tail lacks goes to PostgreSQL (upload_tail.h), together with the new offset; the lease is given back
 *     upload_seal: the back end makes the object whole, which the row notes, since the tail goes; upload_commit: the file is
 *     one like any other. Where nobody can go on with the upload and the back end is the database, the commit does both.
 *
 * A worker may die anywhere: what the row says is received is with the back end or in the tail, and whoever opens the
 * upload next goes on from there. Of what was not in the row yet nothing counts, though a block of it may have been
 * written: the next one with its number takes its place.
 *
 * Two writers: the lease's holder is named in each statement that moves the offset, so whoever lost the lease can't.
 */
#ifndef MAYFLY_STORE_UPLOAD_H
#define MAYFLY_STORE_UPLOAD_H

#include "store/file.h"
#include "store/upload_tail.h"

enum { UPLOAD_HEAD_BYTES = 16 * 1024 };

struct upload {
    struct file_store *store;
    const struct object_ops *back_end;
    struct file file; /* received counts what was added, also what is not in the row yet */
    struct uuid lease;
    const struct file_plan *plan; /* there is no row before the commit (upload_whole.h); else NULL */
    bool is_late;                 /* it was sealed, and the commit makes the object whole */
    bool hold;            /* the row's offset stays until upload_keep: the bytes are not known to be right before */
    unsigned char *block; /* as much of it as came so far */
    size_t room;
    size_t held;             /* bytes of the block that are in memory */
    struct upload_tail tail; /* of these also in PostgreSQL */
    int64_t stored;          /* received as the row has it */
    int64_t stored_at_us;
    int64_t leased_at_us;
    void *head; /* the first UPLOAD_HEAD_BYTES, once their block was sent; NULL: the back end has them */
    char tag[OBJECT_TAG_MAX + 1]; /* of the block that was put last */
    struct sha256 hash;
    struct arena *arena;  /* that of the request */
    struct arena scratch; /* of one step */
};

/*
 * Takes the lease of a pending file. The upload lives in the arena and lets go of its memory with it. DB_NONE: there is no
 * such upload; ERR_LOCKED: another worker is writing.
 */
enum db_rc upload_open(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                       struct upload **, struct err *) MUST_CHECK;

/* The same with a lease that the caller has already. */
enum db_rc upload_open_by(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                          const struct uuid *lease, struct upload **, struct err *) MUST_CHECK;

/* The same of a file that was just made with this lease (file_plan.holder): nothing is asked. */
bool upload_open_made(struct file_store *, struct arena *, const struct file *, const struct uuid *lease,
                      struct upload **, struct err *) MUST_CHECK;

/*
 * Adds bytes. ERR_LARGE: beyond its length, file_max_bytes or the account's room; ERR_LOCKED: another worker took over;
 * nothing more should be added then, but what was before counts.
 */
bool upload_add(struct upload *, const void *bytes, size_t length, struct err *) MUST_CHECK;

/*
 * What the back end calls this upload is in the row before the first block is sent, or nobody could clean up. upload_add
 * does this by itself.
 */
bool upload_begin(struct upload *, struct err *) MUST_CHECK;

/* Moves the row's offset and running hash to the upload's, and keeps the lease for so long; 0 gives it back. */
bool upload_advance(struct upload *, int64_t lease_ms, struct err *) MUST_CHECK;

/* Stores what was added and gives the lease back. */
bool upload_keep(struct upload *, struct err *) MUST_CHECK;

/*
 * After an ERR_ABSENT or ERR_CONFLICT of the back end: what it had of this upload is gone, and nothing brings it back, so the
 * upload is given up. ERR_CONFLICT says so to whoever can begin another; ERR_DOWN, when the same request has all the bytes.
 */
bool upload_give_up(struct upload *, struct err *);

/* Gives the lease back; what is not in the row is forgotten. */
void upload_leave(struct upload *);

/*
 * Makes the object whole. May be repeated, by another worker too. The row notes it: the tail goes with the sealing, and
 * a worker that opens the upload after a crash before its commit must not look for the tail.
 */
bool upload_seal(struct upload *, struct err *) MUST_CHECK;

/* After upload_seal and upload_head: what waits for the commit is written now, so that it takes no memory meanwhile. */
bool upload_settle(struct upload *, struct err *) MUST_CHECK;

/* After upload_seal: what was reserved for more bytes than came is the account's again, before the next file asks. */
bool upload_trim(struct upload *, struct err *) MUST_CHECK;

/* In the caller's transaction, after upload_seal: the row is committed with this type. Sets file.sha256 and created_at_ms. May be repeated. */
bool upload_commit(struct upload *, struct arena *, const char *type, struct err *) MUST_CHECK;

/* For upload_whole.c: memory for an upload, which goes with the arena. */
bool upload_alloc(struct file_store *, struct arena *, struct upload **, struct err *) MUST_CHECK;

/* For upload_tail.c: room for so many bytes of the block. */
bool upload_make_room(struct upload *, size_t bytes, struct err *) MUST_CHECK;

/* Lets go of the memory in which no bytes are: who sends slowly after a fast beginning needs no room for a block. */
void upload_rest(struct upload *);

/* Lets the block's memory go early, after upload_seal and upload_head, unless the commit needs it. */
void upload_shed(struct upload *);

/* The file's first bytes, at most size and UPLOAD_HEAD_BYTES, after upload_seal: what its type is told by. */
bool upload_head(struct upload *, void *bytes, size_t size, size_t *length, struct err *) MUST_CHECK;

#endif
