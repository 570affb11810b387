/*
 * Removes what nobody wants any more: accounts that are closing, files that were dropped, uploads that nobody went on with,
 * copies that `mayflyctl files move` left behind, links that have expired, outcomes of request ids that are hours old.
 *
 *   sweep claims a row: its state is deleting, and other sweepers leave it alone for SWEEP_CLAIM_S
 *     the bytes are removed; the row stays as a tombstone for sweep_again_s
 *     claimed again: the bytes are removed again, since a write that was under way may have landed; the row goes
 *
 *   an account is closing (account_close): its files are let go, SWEEP_LET_GO a call; when it has none left, its row goes
 *
 * Any number of sweepers may run. One that dies loses nothing: each step may be repeated, and what it had claimed comes up
 * again.
 */
#ifndef MAYFLY_STORE_SWEEP_H
#define MAYFLY_STORE_SWEEP_H

#include "store/file.h"

enum {
    /* Rows of one call: even where each is slow they are done before their claim ends. */
    SWEEP_ROWS_MAX = 10,
    /* Ten times s3_timeout_ms as it is by default. */
    SWEEP_CLAIM_S = 300,
    SWEEP_LINKS_MAX = 1000,
    /* Some 20 ms: nobody but a worker that has nothing to do, or mayflyctl, waits for them. */
    SWEEP_LET_GO = 500,
};

struct sweep_result {
    int64_t taken;   /* rows; 0: nothing is left for now */
    int64_t removed; /* of these, now without bytes */
    int64_t gone;    /* of these, removed for the second time */
    int64_t links;
    int64_t accounts;  /* that were closing, and are gone now */
    struct err reason; /* why others still have theirs: their back end is away; they come up again after their claim */
};

/* One bounded piece of work, rows at most SWEEP_ROWS_MAX. False: the database is away. Adds to the result. */
bool sweep_files(struct file_store *, int rows, struct sweep_result *, struct err *) MUST_CHECK;

#endif
