/* What the files of fsck share: fsck.c walks through both lists, fsck_file.c and fsck_object.c check their entries. */
#ifndef MAYFLY_STORE_FSCK_PASS_H
#define MAYFLY_STORE_FSCK_PASS_H

#include "store/fsck.h"

enum {
    FSCK_READ_BYTES = 256 * 1024,
    FSCK_ARENA_BYTES = 8 * 1024 * 1024,
    /* "2026-11-24T12:00:00": the precision that all back ends have. */
    FSCK_TIME_LENGTH = 19,
};

/* One pass over a back end. */
struct fsck_pass {
    struct fsck *fsck;
    const struct object_ops *ops;
    char grown[FSCK_TIME_LENGTH + 1]; /* what is older than this is not unfinished work */
    struct arena file_arena, object_arena;
    struct arena scratch; /* for the check of one file or object */
    struct db_result files;
    int file; /* of the page */
    struct uuid files_after;
    bool files_over;
    struct object_listing objects;
    size_t object; /* of the page */
    bool objects_over;
    unsigned char *buffer; /* FSCK_READ_BYTES when deep */
};

/* Columns of fsck_files. */
enum fsck_column {
    FSCK_COLUMN_ID,
    FSCK_COLUMN_NAME,
    FSCK_COLUMN_SIZE,
    FSCK_COLUMN_SHA256,
    FSCK_COLUMN_IS_THUMBNAIL,
    FSCK_COLUMN_IS_LEFT_OVER
};

static inline struct object_store *fsck_objects(const struct fsck_pass *pass)
{
    return &pass->fsck->store->objects;
}

void fsck_report(struct fsck *, enum fsck_kind, const char *back_end, const char *key, bool repaired,
                 const char *format, ...) PRINTF_LIKE(6, 7);
void fsck_progress(struct fsck *);

/*
 * Splits a key into the id and the name. False: the key is not one of mayfly's. *name is "" where the back end keeps no
 * names.
 */
bool fsck_split_key(const char *key, struct uuid *id, const char **name) MUST_CHECK;

/* Checks an object for which the list has no row. */
bool fsck_check_object(struct fsck_pass *, const struct object_entry *, struct err *) MUST_CHECK;

/* Checks a row of the page, with its object; entry is NULL when the list has none. */
bool fsck_check_file(struct fsck_pass *, int file, const struct object_entry *, struct err *) MUST_CHECK;

/* Checks the usage that is counted for each account. */
bool fsck_check_accounts(struct fsck *, struct err *) MUST_CHECK;

#endif
