/*
 * Thumbnails that are kept: rows of files via "thumbnail", one for each original and box (a unique index says so). They count
 * for nobody's quota, but an account's are made within its share of computing; they are found by their original only and go with it.
 *
 *   file_thumbnail_find: none, or its maker is overdue -> file_thumbnail_claim: one of all who ask gets it
 *     made:    file_thumbnail_open gives the claimed row as an upload: upload_add, upload_seal, upload_commit
 *     refused: file_thumbnail_refuse: everybody gets the reason for an hour, at no cost
 *     neither: file_thumbnail_release, or the claim runs out: the next one who asks may try
 *   made, and lost in the storage: file_thumbnail_drop, and again from the beginning
 *
 * No outcome is kept: whoever asks again gets the same row, by the index.
 */
#ifndef MAYFLY_STORE_FILE_THUMBNAIL_H
#define MAYFLY_STORE_FILE_THUMBNAIL_H

#include "store/upload.h"

enum {
    /* Limits may be raised and programs mended; until then a bomb costs one attempt an hour. */
    FILE_THUMBNAIL_REFUSED_S = 3600,
    /* Of thumbnail_account_cpu_s: a tenth of the time that passes, as thumbnail_spent in the schema has it. */
    FILE_THUMBNAIL_DRAIN_MS_PER_S = 100,
};

struct file_thumbnail {
    struct file file;
    bool is_claimed;            /* somebody makes it, or it was refused */
    const char *refused;        /* the word of the error's kind; "" */
    const char *refused_detail; /* for whoever asks */
};

/* DB_NONE: nobody has begun with it. */
enum db_rc file_thumbnail_find(struct file_store *, struct arena *, const struct file *original, int box,
                               struct file_thumbnail *, struct err *) MUST_CHECK;

/*
 * Takes it for `ms`, by this lease. DB_NONE: somebody else has it, the account has its share in hand, or the original is gone.
 * ERR_LIMIT: the account's thumbnails have spent their computing time.
 */
enum db_rc file_thumbnail_claim(struct file_store *, struct arena *, const struct file *original, int box, int64_t ms,
                                const struct uuid *lease, struct uuid *id, struct err *) MUST_CHECK;

/* DB_NONE: the claim ran out, or the original is gone. */
enum db_rc file_thumbnail_open(struct file_store *, struct arena *, const struct uuid *id, const struct file *original,
                               const struct uuid *lease, struct upload **, struct err *) MUST_CHECK;

bool file_thumbnail_refuse(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *lease,
                           const struct err *reason, struct err *) MUST_CHECK;

/* Counts what a thumbnail took, made or refused. What can't be counted is not. */
void file_thumbnail_spend(struct file_store *, struct arena *, const struct file *original, int64_t cpu_ms);

/* One that was made, whose bytes are lost: it can be made again, of its original. Others may have done so already. */
bool file_thumbnail_drop(struct file_store *, struct arena *, const struct uuid *id, struct err *) MUST_CHECK;

/* What can't be given back runs out. */
void file_thumbnail_release(struct file_store *, struct arena *, const struct uuid *id, const struct uuid *lease);

#endif
