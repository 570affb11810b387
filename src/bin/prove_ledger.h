/*
 * mayflyctl prove, its ledger: what the site acknowledged, account by account. Each account belongs to one client, which has
 * one request under way, so the order of its effects is known. Once an account's places are full nothing more is added, so
 * that everything can be checked in the end.
 */
#ifndef MAYFLY_BIN_PROVE_LEDGER_H
#define MAYFLY_BIN_PROVE_LEDGER_H

#include "base/sha256.h"
#include "bin/prove_tally.h"
#include "http/json.h"

enum {
    LEDGER_NAME_BYTES = 40,
    LEDGER_TOKEN_BYTES = 160,
    LEDGER_FILE_ID_BYTES = 48,
    LEDGER_SESSIONS = 4,
    LEDGER_DEAD = 16,
    LEDGER_FILES = 16,
    LEDGER_STEPS = 50, /* the last so many writes are visible in a document, each by a member of its own */
    LEDGER_FILE_MAX_BYTES = 16 * 1024,
};

/* A JSON document whose counter is raised by one with each write, as is its version. */
struct ledger_document {
    int64_t counter, version; /* as acknowledged last */
    int64_t base;             /* steps up to here are not asked for: an earlier finding spoke of them */
    bool unknown;             /* one more write was sent, and whether it was done is not known */
};

struct ledger_session {
    char token[LEDGER_TOKEN_BYTES];
    struct ledger_document data;
    char worker[PROVE_WORKER_BYTES]; /* that answered last */
    bool checked;
};

struct ledger_file {
    char id[LEDGER_FILE_ID_BYTES];
    size_t size;
    unsigned char digest[SHA256_BYTES];
    bool checked;
};

struct ledger_dead {
    char token[LEDGER_TOKEN_BYTES];
    bool checked, revived;
};

struct ledger_user {
    char name[LEDGER_NAME_BYTES];
    bool registered, closed;
    bool gone; /* it was acknowledged, and can't log in any more */
    struct ledger_document profile;
    struct ledger_session sessions[LEDGER_SESSIONS];
    size_t session_count;
    struct ledger_dead dead[LEDGER_DEAD]; /* logged out */
    size_t dead_count;
    struct ledger_file files[LEDGER_FILES];
    size_t file_count;
    int64_t sessions_unknown, files_unknown; /* those that may be there or not */
    bool profile_checked, sessions_listed, files_listed;
    int late_troubles; /* when everything is being checked */
};

/* An answered GET of a document, or an answered write of it: what differs is found, and then taken for the truth. */
void ledger_compare(struct tally *, struct ledger_document *, const char *owner, const char *what,
                    const struct prove_answer *answer, json_t *body);

/* The body of the next write. */
void ledger_next_write(const struct ledger_document *, char *text, size_t size);

/* The session ended without having been logged out. */
void ledger_session_lost(struct tally *, struct ledger_user *, size_t at, const char *answer);
void ledger_session_remove(struct ledger_user *, size_t at);

void ledger_file_lost(struct tally *, struct ledger_user *, size_t at, const char *why);

/* Entries of the list under name in body: more than known is doubled, unless it is not known whether they were made. */
void ledger_count(struct tally *, const struct ledger_user *, const char *name, const json_t *body, size_t known,
                  int64_t unknown);

#endif
