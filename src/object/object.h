/*
 * The bytes of files, in PostgreSQL or S3, behind one interface. The row of a file names its back end, so files stay
 * readable when the setting is changed.
 *
 * An object is a row of full blocks and a shorter tail. While a file grows, the back end has its full blocks, and the
 * worker has the tail (store/upload.h):
 *
 *     begin -> put_block(0), put_block(1), … -> finish(blocks, tail) -> read, size, sign -> remove
 *
 * An object that is not longer than its tail needs finish only. It can't be read before finish. Each step may be
 * repeated by any worker, since its answer may have been lost. The worker must hold the file's lease, so there is one
 * writer. remove may be called at any time and after any crash; list finds what remove can't know of.
 *
 * A back end in the database (in_database) writes put_block and finish in its caller's db_transaction, together with
 * the row of the file. Any other back end works before the transaction that records its result: it may have to wait,
 * and other requests use the connection meanwhile (base/coroutine.h). In a transaction it refuses everything but sign.
 *
 * Errors: ERR_DOWN when the back end can't be reached or answers wrongly, which may be temporary; ERR_ABSENT; ERR_BUG
 * when an administrator has to act.
 */
#ifndef MAYFLY_OBJECT_OBJECT_H
#define MAYFLY_OBJECT_OBJECT_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "base/uuid.h"

#define OBJECT_PREFIX "uploads/"
/* A key in messages, which are logged: without the name of the file, which is private. */
#define OBJECT_SHOWN "%.44s"
_Static_assert(sizeof OBJECT_PREFIX - 1 + UUID_TEXT_BYTES - 1 == 44, "it has the prefix and the id");

enum {
    OBJECT_KEY_MAX = 512,  /* bytes: prefix, id and a safe name; S3 takes 1,024 */
    OBJECT_TAG_MAX = 128,  /* bytes, as S3_TAG_MAX */
    OBJECT_PAGE_MAX = 1000 /* entries of one listing, as S3 has it */
};

/* A part of an object that a back end has begun to read (expect). */
struct object_part {
    struct uuid id;
    int64_t offset;
    size_t size; /* 0: none */
};

/* What the back ends need; each uses its own members. All is borrowed. */
struct object_store {
    struct db *db;
    struct s3 *s3; /* NULL when S3 is not configured */
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    struct object_part expected;
};

/* Where the bytes of one file are. Strings are borrowed. */
struct object {
    struct uuid id;      /* the id of the file, which is never used again */
    const char *key;     /* "uploads/<id>/<safe name>"; unreserved characters and '/' only, at most OBJECT_KEY_MAX */
    const char *upload;  /* given by begin; "" when no upload was begun */
    int64_t size;        /* of a finished object, or the promised length; -1: not known yet */
    int64_t block_bytes; /* given by block_bytes when the file was created */
};

struct object_block {
    int64_t number;  /* from 0 */
    const char *tag; /* given by put_block */
};

/* What a signed URL is for. */
struct object_grant {
    const char *method;      /* GET, HEAD or PUT */
    int64_t seconds;         /* at most a week */
    const char *type;        /* GET: answer with this media type; PUT: it must be sent with this one. NULL: any */
    const char *disposition; /* GET: answer with this Content-Disposition; NULL: with none */
    bool browser;            /* the URL is for clients, not for nginx */
    int64_t part;            /* PUT: 0: the object; otherwise block part - 1 of the upload that was begun */
};

/* A key with an object, or with an unfinished upload, or with both. */
struct object_entry {
    const char *key;  /* a back end that keeps no names gives "uploads/<id>" */
    const char *time; /* RFC 3339, UTC: when the object was written, else when the upload began */
    int64_t size;     /* of the object; -1: there is none */
    bool unfinished;
};

struct object_listing {
    struct object_entry *entries; /* in the order of the keys' bytes, each key once */
    size_t count;
    const char *next;  /* `after` of the next page; "" when this was the last */
    bool objects_only; /* the back end can't list unfinished uploads */
};

struct object_ops {
    const char *name; /* as in the setting and in a file's row: "postgres", "s3" */
    bool in_database; /* its objects are rows: put_block and finish take effect at the caller's COMMIT */

    /* Size of the blocks of a file whose length will be size; -1: not known yet. */
    int64_t (*block_bytes)(const struct object_store *, int64_t size);

    /*
     * Before the first block. *upload goes to object.upload, in a row that is COMMITTED BEFORE put_block is called. If
     * it is lost, remove finds the upload by the key. May be repeated: the last upload counts, and remove removes the
     * others too.
     */
    bool (*begin)(struct object_store *, struct arena *, const struct object *, const char *type, const char **upload,
                  struct err *) MUST_CHECK;

    /*
     * Puts a full block, of block_bytes. When it is repeated with the same number, the last one counts. The caller
     * keeps *tag.
     */
    bool (*put_block)(struct object_store *, struct arena *, const struct object *, int64_t number, const void *bytes,
                      size_t length, const char **tag, struct err *) MUST_CHECK;

    /*
     * Makes the object whole: all blocks that were put, in order from 0 without a gap, then the tail. Without blocks it
     * is one plain write, whether begun or not. May be repeated after it succeeded. ERR_ABSENT: the upload was removed.
     * ERR_CONFLICT: a block is missing or is another one. ERR_BUG: the length is not object.size, when that is known.
     */
    bool (*finish)(struct object_store *, struct arena *, const struct object *, const char *type,
                   const struct object_block *, size_t blocks, const void *tail, size_t tail_length,
                   struct err *) MUST_CHECK;

    /*
     * Reads up to size bytes from offset of a finished object. *length is less than size only at the end, and 0 beyond
     * it.
     */
    bool (*read)(struct object_store *, struct arena *, const struct object *, int64_t offset, void *bytes, size_t size,
                 size_t *length, struct err *) MUST_CHECK;

    /*
     * Announces that read will be called with these arguments soon: the back end begins to read and does not wait.
     * Another operation in between only makes this useless. size 0: read will not be called after all. NULL function:
     * the back end can't do this.
     */
    void (*expect)(struct object_store *, const struct object *, int64_t offset, size_t size);

    /* Gives the length of a finished object. */
    bool (*size)(struct object_store *, struct arena *, const struct object *, int64_t *size, struct err *) MUST_CHECK;

    /* Removes the object and all unfinished uploads with its key. It is not an error when there is nothing. */
    bool (*remove)(struct object_store *, struct arena *, const struct object *, struct err *) MUST_CHECK;

    /*
     * Removes unfinished uploads beside a finished object, as far as the back end can list them; the object stays. NULL
     * function: there can't be any.
     */
    bool (*tidy)(struct object_store *, struct arena *, const struct object *, struct err *) MUST_CHECK;

    /*
     * Makes a URL that is valid for a time without a log-in. PUT: for exactly object.size bytes, or those of the part,
     * if that is known; the last part is the tail. NULL function: the back end has no URLs, and all bytes pass through
     * workers.
     */
    bool (*sign)(struct object_store *, struct arena *, const struct object *, const struct object_grant *,
                 const char **url, struct err *) MUST_CHECK;

    /*
     * Lists the blocks of an upload that were put by URLs, from number first on, at most `most`, in order. The tail is
     * then one of the blocks: give all of them to finish, and no tail. ERR_METHOD: the back end can't list them. NULL
     * function: as for sign.
     */
    bool (*blocks)(struct object_store *, struct arena *, const struct object *, int64_t first, size_t most,
                   struct object_block **, size_t *count, struct err *) MUST_CHECK;

    /*
     * Lists entries whose keys come after `after` ("": from the first on), at most `most`, for fsck. ERR_METHOD: the
     * back end can't list them.
     */
    bool (*list)(struct object_store *, struct arena *, const char *after, size_t most, struct object_listing *,
                 struct err *) MUST_CHECK;
};

/* The back end with the name that a file's row has. NULL: there is none. */
const struct object_ops *object_ops_named(const char *name) MUST_CHECK;

/* The back end of new files. */
const struct object_ops *object_ops_of_config(const struct config *) MUST_CHECK;

/* All back ends; the last entry is NULL. */
const struct object_ops *const *object_ops_all(void);

/* Runs work, which puts a block or finishes, in a transaction or outside of any, as the back end needs it. */
bool object_write(struct object_store *, const struct object_ops *, bool (*work)(struct db *, void *arg, struct err *),
                  void *arg, struct err *) MUST_CHECK;

/* Whether this back end is configured. */
bool object_reachable(const struct object_store *, const struct object_ops *);

/*
 * The tag of a block, as put_block would give it, from the text that a storage has answered to a client. NULL: it is
 * not a tag.
 */
const char *object_tag(struct arena *, const char *text) MUST_CHECK;

/* ERR_BUG: not every back end takes the key. */
bool object_key_check(const char *key, struct err *) MUST_CHECK;

#endif
