/*
 * Exactly once. The first statement of a mutation's transaction locks its key and looks for it; the last one keeps its outcome,
 * which is committed with the effect. Whoever comes with the same key later, because a worker died or an answer was lost, finds
 * the outcome and gives it again. One who comes at the same time waits in outcome_claim for the first one's COMMIT.
 *
 * A client's own keys are kept for outcome_keep_s, in a table whose rows count for their account. nginx's request ids, which are
 * repeated within minutes or never, are kept for two to three hours, in partitions that are emptied as a whole.
 */
#ifndef MAYFLY_STORE_OUTCOME_H
#define MAYFLY_STORE_OUTCOME_H

#include "base/secret.h"
#include "db/db.h"
#include "store/session_ids.h"

enum { OUTCOME_KEY_BYTES = 32 };

struct outcome_key {
    unsigned char key[OUTCOME_KEY_BYTES];         /* MAC of request id or Idempotency-Key, route and owner */
    unsigned char fingerprint[OUTCOME_KEY_BYTES]; /* MAC of what is asked for: a key stands for one thing */
    bool of_client;                               /* a client's own key, an Idempotency-Key */
    bool has_account;
    struct uuid account; /* that such a key counts for */
};

struct outcome {
    bool same_request;           /* the fingerprints are equal */
    const unsigned char *sealed; /* the answer, encrypted; NULL: not done before */
    size_t sealed_length;
    struct session_ids forgets; /* cached copies that must go before the answer is given, again each time */
};

/* Inside a transaction, as its first statement. */
bool outcome_claim(struct db *, struct arena *, const struct outcome_key *, struct outcome *, struct err *) MUST_CHECK;

/* Before one more outcome is kept under a key. ERR_LIMIT: the account has used so many keys of its own that none is left. */
bool outcome_check_quota(struct db *, struct arena *, const struct config *, const struct outcome_key *,
                         struct err *) MUST_CHECK;

/* Without claiming: what is known of a key. DB_NONE: nothing. */
enum db_rc outcome_find(struct db *, struct arena *, const struct outcome_key *, struct outcome *,
                        struct err *) MUST_CHECK;

/* Inside the transaction that claimed: goes to the database together with COMMIT, up to which all that is given is borrowed. */
bool outcome_keep(struct db *, const struct outcome_key *, const unsigned char *sealed, size_t sealed_length,
                  const struct session_ids *forgets, struct err *) MUST_CHECK;

#endif
