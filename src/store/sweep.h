/*
 * The sweeper removes closed accounts, files that were dropped, uploads that were not continued, objects that
 * `mayflyctl files move` has copied, expired links and sessions of apps, and outcomes of request ids that are hours
 * old. It runs in idle workers and in `mayflyctl sweep`.
 *
 *   it claims a row: the state becomes deleting, and other sweepers leave the row alone for SWEEP_CLAIM_S
 *     the bytes are removed; the row stays as a tombstone for sweep_again_s
 *     claimed again: the bytes are removed again, since a late write may have arrived; the row is deleted
 *
 *   an account is closing (account_close): each call drops SWEEP_ACCOUNT_FILES_MAX of its files, the last one its row
 *
 * Any number of sweepers may run. When one dies nothing is lost: each step may be repeated, and what it had claimed is
 * claimed again.
 */
#ifndef MAYFLY_STORE_SWEEP_H
#define MAYFLY_STORE_SWEEP_H

#include "store/file.h"

enum {
    /* Rows of one call: even if the removal of each is slow, all are done before their claim ends. */
    SWEEP_ROWS_MAX = 10,
    /* Ten times the default of s3_timeout_ms. */
    SWEEP_CLAIM_S = 300,
    SWEEP_LINKS_MAX = 1000,
    /* Each has up to 64 KiB beside its row. */
    SWEEP_APP_DOCUMENTS_MAX = 200,
    /* Some 20 ms. Only an idle worker or mayflyctl waits for them. */
    SWEEP_ACCOUNT_FILES_MAX = 500,
};

struct sweep_result {
    int64_t taken;   /* rows that were claimed; 0: none is left for now */
    int64_t removed; /* of these, rows whose bytes were removed */
    int64_t gone;    /* of these, rows that were deleted, after the second removal */
    int64_t links;
    int64_t app_documents;
    int64_t accounts; /* closed accounts whose rows were deleted */
    /* why the bytes of other rows were not removed: their back end can't be reached; they are claimed again later */
    struct err reason;
};

/*
 * Does a bounded part of the work: at most so many rows, which are at most SWEEP_ROWS_MAX. Adds to the result. False:
 * the database can't be reached.
 */
bool sweep_files(struct file_store *, int rows, struct sweep_result *, struct err *) MUST_CHECK;

#endif
