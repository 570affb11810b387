/*
 * Documents of the apps of a site: one for each of their own sessions, and one for each account. A session is a guest's
 * until it is bound to an account; then only visits of that account get it. It ends when it is not used for its idle
 * time, when its account ends, and when all sessions of the account are ended. An account's document ends with the
 * account or the site.
 *
 *   none -> make -> a guest's -> bind -> an account's
 *   either -> its idle time is over, or it is removed -> none; the sweep takes away what is left
 *
 * Versions only grow, also when an id is used again, so a version never stands for two contents.
 */
#ifndef MAYFLY_STORE_APP_DOCUMENT_H
#define MAYFLY_STORE_APP_DOCUMENT_H

#include "base/sha256.h"
#include "base/uuid.h"
#include "db/db.h"

struct app_key {
    struct uuid site;
    unsigned char hash[SHA256_BYTES];
};

enum {
    /* 22 characters can have the 128 random bits that a session's id needs. */
    APP_ID_LEAST = 22,
    APP_ID_MOST = 127,
};

/* An id of a session: APP_ID_LEAST to APP_ID_MOST of A-Z a-z 0-9 , - _; false for anything else. */
bool app_key_of_session(const struct uuid *site, const char *id, struct app_key *) MUST_CHECK;
void app_key_of_account(const struct uuid *site, const struct uuid *account, struct app_key *);

struct app_document {
    bool lives;
    bool has_account;
    struct uuid account;
    int64_t version;
    int64_t idle_s; /* 0: it does not end by itself */
    bool fresh;     /* a twentieth of its idle time has not passed, so it need not be renewed */
    const char *json;
};

/* DB_NONE: there is no row. One that has ended has lives = false. */
enum db_rc app_document_get(struct db *, struct arena *, const struct app_key *, struct app_document *,
                            struct err *) MUST_CHECK;

/* The same inside a transaction, which locks the row; with the text only if it is wanted. */
enum db_rc app_document_lock(struct db *, struct arena *, const struct app_key *, bool wants_text,
                             struct app_document *, struct err *) MUST_CHECK;

/* Restarts its idle time, unless another transaction has locked the row, which does that too. */
bool app_document_renew(struct db *, struct arena *, const struct app_key *, struct err *) MUST_CHECK;

/* account: NULL, a guest's. idle_s: 0, it does not end by itself. json is as of document_put. DB_NONE: it exists. */
enum db_rc app_document_make(struct db *, struct arena *, const struct app_key *, const struct uuid *account,
                             int64_t idle_s, const char *json, int64_t *version, struct err *) MUST_CHECK;

/* For a locked row. The statements are queued and sent with the next one. */
bool app_document_put(struct db *, struct arena *, const struct app_key *, const char *json, int64_t *version,
                      struct err *) MUST_CHECK;
bool app_document_keep(struct db *, const struct app_key *, int64_t idle_s, struct err *) MUST_CHECK;
bool app_document_bind(struct db *, const struct app_key *, const struct uuid *account, struct err *) MUST_CHECK;
bool app_document_remove(struct db *, const struct app_key *, struct err *) MUST_CHECK;

/* Ends sessions of an account at the site, but for the `most` that were used last and for this one. */
bool app_documents_trim(struct db *, const struct app_key *, const struct uuid *account, int64_t most,
                        struct err *) MUST_CHECK;

/* DB_NONE: there is no such account, or it may not log in. */
enum db_rc app_account_lives(struct db *, struct arena *, const struct uuid *account, struct err *) MUST_CHECK;

/*
 * ERR_LIMIT: the site has as many as it may, of guests or of accounts. The count is not locked: several that come at
 * once may exceed it a little.
 */
bool app_documents_check(struct db *, struct arena *, const struct config *, const struct uuid *site, bool has_account,
                         struct err *) MUST_CHECK;

/* Removes at most so many that have ended. */
bool app_documents_sweep(struct db *, struct arena *, int most, int *removed, struct err *) MUST_CHECK;

#endif
