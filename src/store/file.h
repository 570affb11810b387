/*
 * The rows of files. States of a row:
 *
 *   pending    bytes are being added
 *   committed  its object is whole and has this length and SHA-256
 *   deleting   the file is hidden, and the sweeper (store/sweep.h) removes its bytes
 *
 * sql/schema/0003 has the table.
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
    const char *via;      /* how it was sent: "upload", "tus", "part", "direct", or "thumbnail" */
    const char *back_end; /* name of its object_ops */
    struct object object;
    const char *name; /* for display and as the name of a download; never a path */
    const char *claimed_type;
    const char *type;     /* found from its bytes; "" while pending */
    const char *metadata; /* Upload-Metadata as it was sent */
    int64_t size;         /* bytes; -1: not known yet */
    int64_t reserved;     /* bytes that count in the usage of its account */
    int64_t received;
    bool sealed;                     /* its object is whole, though the row may not be committed */
    const char *concat;              /* Upload-Concat of a file that is made of parts; "" */
    const unsigned char *hash_state; /* of the bytes that were received; NULL: none */
    size_t hash_state_length;
    unsigned char sha256[SHA256_BYTES]; /* when committed */
    int64_t created_at_ms;
    int64_t expires_at_ms;        /* while pending */
    const unsigned char *content; /* all of its bytes; NULL: file_find_small has not read them */
};

/* What a new file begins with. Strings are borrowed. */
struct file_plan {
    const char *via;
    const char *name;        /* safe for display */
    const char *object_name; /* safe for a key */
    const char *claimed_type;
    const char *metadata;
    const char *concat; /* NULL: not made of parts */
    int64_t size;       /* -1: not known */
    int64_t reserve;    /* bytes that count for its account from now on */
    /* has its lease from the beginning, and file_give_back finds the file by it; NULL: none */
    const struct uuid *holder;
};

struct file_store {
    struct db *db;
    struct object_store objects;
    const struct config *config;
    const struct clock *clock;
    void (*point)(const char *name); /* called at named points, where crash tests end the process; NULL: not called */
};

void file_point(const struct file_store *, const char *name);

/*
 * In the caller's transaction: makes a pending file. ERR_LARGE, with the field "quota" and how much is left: the
 * account has no room for it.
 */
bool file_create(struct file_store *, struct arena *, const struct uuid *account, const struct file_plan *,
                 struct file *, struct err *) MUST_CHECK;

/* A file of this account, pending or committed. DB_NONE: the account has no such file. */
enum db_rc file_find(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                     struct file *, struct err *) MUST_CHECK;

/*
 * The same, with the content of a committed file that is small and stored in the database. The content stays NULL if it
 * is not complete; the back end then reads it.
 */
enum { FILE_SMALL_BYTES = 16 * 1024 /* for a longer file the bytes as text cost more than another round trip */ };
enum db_rc file_find_small(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                           struct file *, struct err *) MUST_CHECK;

/* Sets the length of an upload that began without one. DB_NONE: it has a length, or there is no such upload. */
enum db_rc file_set_size(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                         int64_t size, struct err *) MUST_CHECK;

/* Hides the file. The sweeper removes its bytes. DB_NONE: there is no such file. */
enum db_rc file_drop(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                     struct err *) MUST_CHECK;

/*
 * The same for a pending file only. When the answer to a commit was lost, the file may be committed, and then it stays.
 */
enum db_rc file_give_up(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                        struct err *) MUST_CHECK;

/*
 * Drops the pending files via "upload" with this holder, except ours: those that earlier attempts of the same request
 * have left. An attempt that is still running loses its lease by that, and can't commit.
 */
bool file_give_back(struct file_store *, struct arena *, const struct uuid *account, const struct uuid *holder,
                    const struct uuid *ours, size_t count, int64_t *dropped, struct err *) MUST_CHECK;

enum db_rc file_rename(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *account,
                       const char *name, struct err *) MUST_CHECK;

/*
 * Seconds for which a pending file is kept: short after a request that failed, longer for an upload by tus, which may
 * be continued.
 */
int64_t file_keep_s(const struct file_store *, const char *via);

/* Memory for a block of a new file of this size (-1: not known) of which at most length bytes come. */
size_t file_block_room(const struct file_store *, int64_t size, int64_t length);

enum { FILE_PAGE_MAX = 200 };

/* Committed files as a JSON array, newest first; before may be NULL. At most FILE_PAGE_MAX. */
bool file_list(struct file_store *, struct arena *, const struct uuid *account, const char *contains,
               const struct uuid *before, int most, const char **json, struct err *) MUST_CHECK;

/* What the files of an account count, including pending ones. */
struct file_usage {
    int64_t bytes; /* as reserved */
    int64_t files;
};

bool file_usage(struct file_store *, struct arena *, const struct uuid *account, struct file_usage *,
                struct err *) MUST_CHECK;

/* Sets ERR_LARGE, with how much room is left for the account, and returns false. */
bool file_quota_error(struct file_store *, struct arena *, const struct uuid *account, struct err *);

/* The back end of the file. ERR_BUG: this build has none of that name. */
const struct object_ops *file_back_end(const struct file *, struct err *) MUST_CHECK;

/* Makes the object of a row with these values. Its key is in the arena. */
bool file_object(struct arena *, const char *id, const char *object_name, struct object *, struct err *) MUST_CHECK;

/* Reads a row that begins with the columns of file_row in sql/query/file.sql. */
bool file_read(struct arena *, const struct db_result *, int row, struct file *, struct err *) MUST_CHECK;

#endif
