/*
 * Stored thumbnails: rows of files via "thumbnail", one for each original and box (a unique index). They do not count
 * in the quota, but the computing time of an account's thumbnails is limited. They are found only by their original,
 * and are removed with it.
 *
 *   file_thumbnail_find: none, or its claim has expired -> file_thumbnail_claim: one of the requests gets the claim
 *     made:    file_thumbnail_open gives the claimed row as an upload: upload_add, upload_seal, upload_commit
 *     refused: file_thumbnail_refuse: all requests get the same error for an hour, at no cost
 *     neither: file_thumbnail_release, or the claim expires: the next request may claim it
 *   made, but lost in the storage: file_thumbnail_drop, then again from the beginning
 *
 * No outcome is kept, because a repeated request gets the same row by the index.
 */
#ifndef MAYFLY_STORE_FILE_THUMBNAIL_H
#define MAYFLY_STORE_FILE_THUMBNAIL_H

#include "store/upload.h"

enum {
    /* Limits may be raised and programs corrected. Until then a harmful image costs one attempt per hour. */
    FILE_THUMBNAIL_REFUSED_S = 3600,
    /*
     * What is spent of thumbnail_account_cpu_s decreases by a tenth of the time that passes, as in thumbnail_spent of
     * the schema.
     */
    FILE_THUMBNAIL_DRAIN_MS_PER_S = 100,
};

struct file_thumbnail {
    struct file file;
    bool is_claimed;            /* a request is making it, or it was refused */
    const char *refused;        /* the word of the error's kind; "" */
    const char *refused_detail; /* the detail of the error */
};

/* DB_NONE: there is no row. */
enum db_rc file_thumbnail_find(struct file_store *, struct arena *, const struct file *original, int box,
                               struct file_thumbnail *, struct err *) MUST_CHECK;

/*
 * Claims the making of it for `ms`, with this lease. DB_NONE: another request has the claim, the account makes as many
 * as it may at once, or the original is gone. ERR_LIMIT: the account has used up the computing time of its thumbnails.
 */
enum db_rc file_thumbnail_claim(struct file_store *, struct arena *, const struct file *original, int box, int64_t ms,
                                const struct uuid *lease, struct uuid *id, struct err *) MUST_CHECK;

/* DB_NONE: the claim has expired, or the original is gone. */
enum db_rc file_thumbnail_open(struct file_store *, struct arena *, const struct uuid *id, const struct file *original,
                               const struct uuid *lease, struct upload **, struct err *) MUST_CHECK;

bool file_thumbnail_refuse(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *lease,
                           const struct err *reason, struct err *) MUST_CHECK;

/* Counts the computing time of a thumbnail, made or refused. When the database can't be reached it is not counted. */
void file_thumbnail_spend(struct file_store *, struct arena *, const struct file *original, int64_t cpu_ms);

/*
 * Drops a thumbnail whose bytes are lost, so that it is made again from its original. Another request may have dropped
 * it already.
 */
bool file_thumbnail_drop(struct file_store *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/* Gives the claim back. When that fails, the claim expires. */
void file_thumbnail_release(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *lease);

#endif
