/*
 * Exactly once. The first statement of a change's transaction locks its key and looks for an outcome. The last one
 * stores the outcome, which is committed together with the effect. A request that comes later with the same key,
 * because a worker died or an answer was lost, finds the outcome and gives the same answer. A request that comes at the
 * same time waits in outcome_claim for the COMMIT of the first.
 *
 * Outcomes under a client's own key are kept for outcome_keep_s, in a table whose rows count for their account.
 * Outcomes under nginx's request ids, which nginx repeats within minutes, are kept for two to three hours, in
 * partitions that are emptied as a whole.
 */
#ifndef MAYFLY_STORE_OUTCOME_H
#define MAYFLY_STORE_OUTCOME_H

#include "base/secret.h"
#include "db/db.h"
#include "store/session_ids.h"

enum { OUTCOME_KEY_BYTES = 32 };

struct outcome_key {
    unsigned char key[OUTCOME_KEY_BYTES];         /* MAC of request id or Idempotency-Key, route and owner */
    unsigned char fingerprint[OUTCOME_KEY_BYTES]; /* MAC of the request: a key stands for one request */
    bool of_client;                               /* the key is an Idempotency-Key of the client */
    bool has_account;
    struct uuid account; /* the account that such a key counts for */
};

struct outcome {
    bool same_request;           /* the fingerprints are equal */
    const unsigned char *sealed; /* the answer, encrypted; NULL: the request was not done before */
    size_t sealed_length;
    struct session_ids forgets; /* cached copies that are removed before the answer is given, each time it is given */
};

/* The first statement of a transaction. */
bool outcome_claim(struct db *, struct arena *, const struct outcome_key *, struct outcome *, struct err *) MUST_CHECK;

/* Before an outcome is stored under a key. ERR_LIMIT: the account has no more keys of its own for now. */
bool outcome_check_quota(struct db *, struct arena *, const struct config *, const struct outcome_key *,
                         struct err *) MUST_CHECK;

/* Reads the outcome of a key without a lock. DB_NONE: there is none. */
enum db_rc outcome_find(struct db *, struct arena *, const struct outcome_key *, struct outcome *,
                        struct err *) MUST_CHECK;

/*
 * In the transaction that has claimed the key: queues the outcome, which is sent together with COMMIT. All arguments
 * are borrowed until then.
 */
bool outcome_keep(struct db *, const struct outcome_key *, const unsigned char *sealed, size_t sealed_length,
                  const struct session_ids *forgets, struct err *) MUST_CHECK;

#endif
