/*
 * The rows of files. What a row promises: pending, bytes are being added; committed, its object is whole and has this
 * length and SHA-256; deleting, nobody sees it any more and the sweeper removes its bytes. sql/schema/0003 has the table.
 */
#ifndef MAYFLY_STORE_FILE_H
#define MAYFLY_STORE_FILE_H

#include "base/sha256.h"
#include "db/db.h"
#include "object/object.h"

enum file_state { FILE_PENDING, FILE_COMMITTED };

struct file {
    struct uuid id;
    struct uuid account;
    enum file_state state;
    const char *via;      /* how it came: "upload", "tus", "part", "direct" */
    const char *back_end; /* name of its object_ops */
    struct object object;
    const char *name; /* for display and for saving it; never a path */
    const char *claimed_type;
    const char *type;     /* what its bytes say; "" while pending */
    const char *metadata; /* Upload-Metadata as it was sent */
    int64_t size;         /* bytes; -1: not known yet */
    int64_t reserved;     /* bytes that it counts for in its account */
    int64_t received;
    bool sealed;                     /* its object is whole, though the row may not be committed */
    const char *concat;              /* Upload-Concat of a file that is made of parts; "" */
    const unsigned char *hash_state; /* of what was received; NULL: nothing was */
    size_t hash_state_length;
    unsigned char sha256[SHA256_BYTES]; /* when committed */
    int64_t created_at_ms;
    int64_t expires_at_ms;        /* while pending */
    const unsigned char *content; /* all of its bytes, of size; NULL: file_find_small has not found them */
};

/* What is to be known before the first byte. Strings are borrowed. */
struct file_plan {
    const char *via;
    const char *name;        /* safe for display */
    const char *object_name; /* safe for a key */
    const char *claimed_type;
    const char *metadata;
    const char *concat; /* NULL: not made of parts */
    int64_t size;       /* -1: not known */
    int64_t reserve;    /* bytes to count for its account from now on */
    const struct uuid
        *holder; /* who has its lease from the beginning, and by whom file_give_back finds it; NULL: nobody */
};

struct file_store {
    struct db *db;
    struct object_store objects;
    const struct config *config;
    const struct clock *clock;
    void (*point)(
        const char *name); /* called at named points, at which the crash tests end the process; NULL: nothing */
};

void file_point(const struct file_store *, const char *name);

/*
 * Makes a pending file. ERR_LARGE, with the field "quota" and how much is left, when its account has no room for it.
 * Belongs into the caller's transaction.
 */
bool file_create(struct file_store *, struct arena *, const struct uuid *account, const struct file_plan *,
                 struct file *, struct err *) MUST_CHECK;

/* A file of this account, pending or committed. DB_NONE: there is none, or it is not theirs. */
enum db_rc file_find(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                     struct file *, struct err *) MUST_CHECK;

/*
 * The same, with the content of a committed file that is small, when it is in the database. Reading it is left to the back end when it is
 * not whole.
 */
enum { FILE_SMALL_BYTES = 16 * 1024 /* beyond, its text costs more than one more round trip */ };
enum db_rc file_find_small(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                           struct file *, struct err *) MUST_CHECK;

/* Tells the length of an upload that began without. DB_NONE: it has one, or there is no such upload. */
enum db_rc file_set_size(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                         int64_t size, struct err *) MUST_CHECK;

/* Hides the file at once; its bytes go with the next sweep. DB_NONE: there is none. */
enum db_rc file_drop(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                     struct err *) MUST_CHECK;

/* The same for a pending file only: of a commit whose answer was lost nobody knows here, and what it committed stays. */
enum db_rc file_give_up(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                        struct err *) MUST_CHECK;

/*
 * What earlier attempts of a request left pending, via "upload" and with its holder, counts no more; not these, which are of
 * the attempt that asks. One that is still alive loses its lease by that, and can't commit.
 */
bool file_give_back(struct file_store *, struct arena *, const struct uuid *account, const struct uuid *holder,
                    const struct uuid *ours, size_t count, int64_t *dropped, struct err *) MUST_CHECK;

enum db_rc file_rename(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                       const char *name, struct err *) MUST_CHECK;

/* Seconds after which nobody will go on with a pending file: a request that failed is over, an upload by tus may rest. */
int64_t file_keep_s(const struct file_store *, const char *via);

/* Memory for a block of a new file of this size (-1: not known) of which at most length bytes come. */
size_t file_block_room(const struct file_store *, int64_t size, int64_t length);

/*
 * Files made of parts (tus concatenation). Parts are sealed files via "part". file_join, in the caller's transaction, takes
 * them from the account, makes the pending file, which counts instead of them, and notes their order; their bytes are then
 * read one after the other into it, and file_parts_drop goes with its commit. Parts whose file is never finished are removed
 * by the sweeper, like that file.
 */

/* The file that the parts went into by a request with this very concat. DB_NONE: they have not. */
enum db_rc file_joined(struct file_store *, struct arena *, const struct uuid *account, const struct uuid *first_part,
                       const char *concat, struct uuid *whole, struct err *) MUST_CHECK;

/* plan->size and reserve are set to those of the parts. ERR_CONFLICT: a part is none any more; ERR_LARGE as file_create. */
bool file_join(struct file_store *, struct arena *, const struct uuid *account, const struct uuid *parts, size_t count,
               struct file_plan *plan, struct file *, struct err *) MUST_CHECK;

/* In order; all that are still there. */
bool file_parts(struct file_store *, struct arena *, const struct uuid *whole, struct file **parts, size_t *count,
                struct err *) MUST_CHECK;

/* In the transaction that commits the whole. */
bool file_parts_drop(struct file_store *, struct arena *, const struct uuid *whole, struct err *) MUST_CHECK;

enum { FILE_PAGE_MAX = 200 };

/* Committed files as a JSON array, newest first; before may be NULL. At most FILE_PAGE_MAX. */
bool file_list(struct file_store *, struct arena *, const struct uuid *account, const char *contains,
               const struct uuid *before, int most, const char **json, struct err *) MUST_CHECK;

/* What an account's files take, those that are still coming included. */
struct file_usage {
    int64_t bytes; /* as reserved */
    int64_t files;
};

bool file_usage(struct file_store *, struct arena *, const struct uuid *account, struct file_usage *,
                struct err *) MUST_CHECK;

/* ERR_LARGE: more than the account may have; says how much is left. */
bool file_quota_error(struct file_store *, struct arena *, const struct uuid *account, struct err *);

/* The back end of a row; ERR_BUG when this build has none of that name. */
const struct object_ops *file_back_end(const struct file *, struct err *) MUST_CHECK;

/* Where the bytes are of a row with these values; the key is made in the arena. */
bool file_object(struct arena *, const char *id, const char *object_name, struct object *, struct err *) MUST_CHECK;

/* Reads a row that begins with the columns file_row of sql/query/file.sql. */
bool file_read(struct arena *, const struct db_result *, int row, struct file *, struct err *) MUST_CHECK;

#endif
