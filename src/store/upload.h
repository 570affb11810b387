/*
 * A pending file that a worker adds bytes to.
 *
 *   upload_open: takes the lease, loads the tail and the running hash
 *     upload_add: bytes fill the block. A full block goes to the back end, then the new offset to the row; with a back
 *       end in the database both are written together
 *     upload_keep: stores the rest in PostgreSQL (upload_tail.h) with the new offset, and gives the lease back
 *     upload_seal: the back end makes the object whole, and the row notes it, since the tail is removed
 *   upload_commit: the row becomes that of a committed file. When no other request can continue the upload and the back
 *     end is in the database, the commit also does what upload_seal does
 *
 * A worker may die at any point. The bytes that the row counts are with the back end or in the tail, and the next
 * worker continues from there. Bytes that the row does not count are lost; a block of them may have been written, and
 * the next block with its number replaces it.
 *
 * Two writers are excluded by the lease: each statement that moves the offset names its holder, and fails for a worker
 * that has lost it.
 */
#ifndef MAYFLY_STORE_UPLOAD_H
#define MAYFLY_STORE_UPLOAD_H

#include "store/file.h"
#include "store/upload_tail.h"

enum { UPLOAD_HEAD_BYTES = 16 * 1024 };

struct upload {
    struct file_store *store;
    const struct object_ops *back_end;
    struct file file; /* received also counts bytes that are not in the row yet */
    struct uuid lease;
    const struct file_plan *plan; /* the file has no row before the commit (upload_whole.h); else NULL */
    bool is_late;                 /* it was sealed, but the commit makes the object whole */
    /* the row's offset does not move before upload_keep, since the bytes have yet to be checked */
    bool hold;
    unsigned char *block; /* the bytes of the block that came so far */
    size_t room;
    size_t held;             /* bytes of the block that are in memory */
    struct upload_tail tail; /* the part of them that is in PostgreSQL too */
    int64_t stored;          /* the value of received in the row */
    int64_t stored_at_us;
    int64_t leased_at_us;
    void *head; /* the first UPLOAD_HEAD_BYTES, once their block was sent; NULL: the back end has them */
    char tag[OBJECT_TAG_MAX + 1]; /* of the last block that was put */
    struct sha256 hash;
    struct arena *arena;  /* of the request */
    struct arena scratch; /* for one step */
};

/*
 * Takes the lease of a pending file. The upload is allocated in the arena and frees its memory with it. DB_NONE: there
 * is no such upload. ERR_LOCKED: another worker has the lease.
 */
enum db_rc upload_open(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                       struct upload **, struct err *) MUST_CHECK;

/* The same with a lease that the caller has. */
enum db_rc upload_open_by(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                          const struct uuid *lease, struct upload **, struct err *) MUST_CHECK;

/* The same for a file that was made with this lease (file_plan.holder), without a query. */
bool upload_open_made(struct file_store *, struct arena *, const struct file *, const struct uuid *lease,
                      struct upload **, struct err *) MUST_CHECK;

/*
 * Adds bytes. ERR_LARGE: they exceed the length of the file, file_max_bytes or the room of the account. ERR_LOCKED:
 * another worker has the lease. After these errors no more bytes may be added, but those added before count.
 */
bool upload_add(struct upload *, const void *bytes, size_t length, struct err *) MUST_CHECK;

/*
 * Begins the upload with the back end and notes its name in the row, before the first block is sent. Otherwise nobody
 * could remove it after a crash. upload_add calls this.
 */
bool upload_begin(struct upload *, struct err *) MUST_CHECK;

/* Writes the offset and the running hash to the row and keeps the lease for so long; 0 gives it back. */
bool upload_advance(struct upload *, int64_t lease_ms, struct err *) MUST_CHECK;

/* Stores all bytes that were added, and gives the lease back. */
bool upload_keep(struct upload *, struct err *) MUST_CHECK;

/*
 * Gives the upload up after ERR_ABSENT or ERR_CONFLICT of the back end: the storage has lost its bytes. Returns false
 * with ERR_CONFLICT, which tells the client to begin another upload, or with ERR_DOWN when the same request has all
 * bytes and may be repeated.
 */
bool upload_give_up(struct upload *, struct err *);

/* Gives the lease back. Bytes that are not in the row are dropped. */
void upload_leave(struct upload *);

/*
 * Makes the object whole and notes it in the row. May be repeated, also by another worker. The tail is removed with it,
 * so a worker that opens the upload after a crash must not look for the tail.
 */
bool upload_seal(struct upload *, struct err *) MUST_CHECK;

/* After upload_seal and upload_head: writes what would wait for the commit, so that it takes no memory until then. */
bool upload_settle(struct upload *, struct err *) MUST_CHECK;

/*
 * After upload_seal: gives the account back what was reserved beyond the bytes that came, before the next file asks for
 * room.
 */
bool upload_trim(struct upload *, struct err *) MUST_CHECK;

/*
 * In the caller's transaction, after upload_seal: commits the row with this type. Sets file.sha256 and created_at_ms.
 * May be repeated.
 */
bool upload_commit(struct upload *, struct arena *, const char *type, struct err *) MUST_CHECK;

/* Frees the memory of the block that has no bytes in it: a client that becomes slow does not need all of it. */
void upload_rest(struct upload *);

/* After upload_seal and upload_head: frees the block's memory early, unless the commit needs it. */
void upload_shed(struct upload *);

/* After upload_seal: gives the file's first bytes, at most size and UPLOAD_HEAD_BYTES, from which its type is found. */
bool upload_head(struct upload *, void *bytes, size_t size, size_t *length, struct err *) MUST_CHECK;

#endif
