/*
 * The bytes of files, behind one interface: PostgreSQL or S3. A file's row names its back end, so that files stay readable
 * when the setting is changed.
 *
 * An object is a row of full blocks and a shorter tail. While a file grows its full blocks are with the back end, and the
 * tail is with whoever writes (store/upload.h):
 *
 *     begin -> put_block(0), put_block(1), … -> finish(blocks, tail) -> read, size, sign -> remove
 *
 * An object that is not longer than its tail needs finish only. Nothing can be read before finish. Any step may be repeated
 * by any worker, since its answer may have been lost; whoever goes on must hold the file's lease, so that there is one
 * writer. remove is right at any time and after any crash; what it can't know of, list finds.
 *
 * A back end in the database (in_database) writes put_block and finish within its caller's db_transaction, together with what
 * the row says about them. Any other one does its work before the transaction that records it: it may have to wait, and
 * others use the connection meanwhile (base/coroutine.h). So within a transaction it refuses to do anything but to sign.
 *
 * Errors: ERR_DOWN when the back end is away or does not answer as it should, to be tried again; ERR_ABSENT; ERR_BUG when
 * somebody has to look into it.
 */
#ifndef MAYFLY_OBJECT_OBJECT_H
#define MAYFLY_OBJECT_OBJECT_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "base/uuid.h"

#define OBJECT_PREFIX "uploads/"
/* A key in messages, which are logged: without the file's name, which is nobody's business. */
#define OBJECT_SHOWN "%.44s"
_Static_assert(sizeof OBJECT_PREFIX - 1 + UUID_TEXT_BYTES - 1 == 44, "it has the prefix and the id");

enum {
    OBJECT_KEY_MAX = 512,  /* bytes: prefix, id and a safe name; S3 takes 1,024 */
    OBJECT_TAG_MAX = 128,  /* bytes, as S3_TAG_MAX */
    OBJECT_PAGE_MAX = 1000 /* entries of one listing, as S3 has it */
};

/* A part of an object that a back end has begun to read. */
struct object_part {
    struct uuid id;
    int64_t offset;
    size_t size; /* 0: none */
};

/* What back ends work with; each uses its own. All is borrowed. */
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
    struct uuid id;      /* the file's: random enough, and never used again */
    const char *key;     /* "uploads/<id>/<safe name>"; unreserved characters and '/' only, at most OBJECT_KEY_MAX */
    const char *upload;  /* what begin gave, "" when nothing was begun */
    int64_t size;        /* of a finished object, or the length promised; -1: not known yet */
    int64_t block_bytes; /* as block_bytes gave when it began */
};

struct object_block {
    int64_t number;  /* from 0 */
    const char *tag; /* what put_block gave */
};

/* What a signed URL is for. */
struct object_grant {
    const char *method;      /* GET, HEAD or PUT */
    int64_t seconds;         /* from now on, at most a week */
    const char *type;        /* GET: answer with this media type; PUT: it must be sent with this one. NULL: any */
    const char *disposition; /* GET: answer with this Content-Disposition; NULL: with none */
    bool browser;            /* the URL is for somebody outside, not for nginx */
    int64_t part;            /* PUT: 0: of the object; else of its block part - 1, of the upload that was begun */
};

/* A key under which there is an object, or an upload that was not finished, or both. */
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
    bool objects_only; /* the back end does not tell what was not finished */
};

struct object_ops {
    const char *name; /* as in the setting and in a file's row: "postgres", "s3" */
    bool in_database; /* its objects are rows: put_block and finish take effect with the caller's COMMIT */

    /* Size of the blocks of a file whose length will be size; -1: not known yet. */
    int64_t (*block_bytes)(const struct object_store *, int64_t size);

    /*
     * Before the first block. *upload goes to object.upload, in a row that is COMMITTED BEFORE put_block is called; when it
     * was lost, remove finds it by the key. May be repeated: the last one counts, remove takes the others along.
     */
    bool (*begin)(struct object_store *, struct arena *, const struct object *, const char *type, const char **upload,
                  struct err *) MUST_CHECK;

    /* A full block, of block_bytes. Repeated with the same number the last one counts; *tag is to be kept. */
    bool (*put_block)(struct object_store *, struct arena *, const struct object *, int64_t number, const void *bytes,
                      size_t length, const char **tag, struct err *) MUST_CHECK;

    /*
     * Makes the object whole: blocks in order from 0 without a gap, all that were put, then the tail. With no block it is
     * one plain write, begun or not. May be repeated after it succeeded. ERR_ABSENT: the upload was removed meanwhile;
     * ERR_CONFLICT: a block is not there, or is another one; ERR_BUG: it has not object.size bytes, when that is known.
     */
    bool (*finish)(struct object_store *, struct arena *, const struct object *, const char *type,
                   const struct object_block *, size_t blocks, const void *tail, size_t tail_length,
                   struct err *) MUST_CHECK;

    /* Up to size bytes from offset of a finished object. *length is less only at the end, and 0 from there on. */
    bool (*read)(struct object_store *, struct arena *, const struct object *, int64_t offset, void *bytes, size_t size,
                 size_t *length, struct err *) MUST_CHECK;

    /*
     * read is called with these next, and soon: the back end begins, and does not wait. Another operation in between only makes that
     * worthless. With size 0: it is not called after all. NULL function: it can't begin.
     */
    void (*expect)(struct object_store *, const struct object *, int64_t offset, size_t size);

    /* Length of a finished object. */
    bool (*size)(struct object_store *, struct arena *, const struct object *, int64_t *size, struct err *) MUST_CHECK;

    /* Removes the object and whatever unfinished uploads left under its key; that nothing is there is success. */
    bool (*remove)(struct object_store *, struct arena *, const struct object *, struct err *) MUST_CHECK;

    /*
     * Removes what unfinished uploads left beside a finished object, which stays, as far as the back end tells of them. NULL
     * function: nothing can be left.
     */
    bool (*tidy)(struct object_store *, struct arena *, const struct object *, struct err *) MUST_CHECK;

    /*
     * A URL that works without a log-in for a time. PUT: for exactly object.size bytes, or those of the part, when that is
     * known; the last part is the tail. NULL function: the back end has no URLs, the bytes pass the worker.
     */
    bool (*sign)(struct object_store *, struct arena *, const struct object *, const struct object_grant *,
                 const char **url, struct err *) MUST_CHECK;

    /*
     * The blocks from number first on, at most `most`, that the back end has of an upload, in order: what was put by URLs.
     * The tail is one of them, then: give all of them to finish, and no tail. ERR_METHOD: the back end does not tell.
     * NULL function: as sign.
     */
    bool (*blocks)(struct object_store *, struct arena *, const struct object *, int64_t first, size_t most,
                   struct object_block **, size_t *count, struct err *) MUST_CHECK;

    /*
     * Entries whose keys come after `after` ("": from the first on), at most `most`, for whoever looks for garbage. ERR_METHOD:
     * the back end does not tell.
     */
    bool (*list)(struct object_store *, struct arena *, const char *after, size_t most, struct object_listing *,
                 struct err *) MUST_CHECK;
};

/* The back end of a file's row; NULL when there is none of that name. */
const struct object_ops *object_ops_named(const char *name) MUST_CHECK;

/* The back end of new files. */
const struct object_ops *object_ops_of_config(const struct config *) MUST_CHECK;

/* All back ends, for whoever goes through them; ends with NULL. */
const struct object_ops *const *object_ops_all(void);

/* Runs work, which puts a block or finishes, where this back end wants it: in a transaction, or outside of any. */
bool object_write(struct object_store *, const struct object_ops *, bool (*work)(struct db *, void *arg, struct err *),
                  void *arg, struct err *) MUST_CHECK;

/* Whether the settings say where this back end is. */
bool object_reachable(const struct object_store *, const struct object_ops *);

/* The tag of a block as put_block would give it, from what the storage told somebody else; NULL: it is none. */
const char *object_tag(struct arena *, const char *text) MUST_CHECK;

/* ERR_BUG unless the key is one that any back end takes. */
bool object_key_check(const char *key, struct err *) MUST_CHECK;

#endif
