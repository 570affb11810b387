/*
 * mayfly-prove, its ledger: what the site acknowledged, account by account. One client at a time uses an account. It
 * sends several requests at once but waits for all of them before it continues, so the state between two scenes is
 * known exactly. Once an account's places are full nothing more is added, so that everything can be checked in the end.
 */
#ifndef MAYFLY_PROVE_LEDGER_H
#define MAYFLY_PROVE_LEDGER_H

#include "base/sha256.h"
#include "prove/document.h"
#include "prove/route.h"

enum {
    LEDGER_NAME_BYTES = 40,
    LEDGER_TOKEN_BYTES = 160,
    LEDGER_ID_BYTES = 48, /* of a file or a session */
    LEDGER_SESSIONS = 4,
    LEDGER_DEAD = 16,
    LEDGER_FILES = 12,
    LEDGER_FILE_MAX_BYTES = 16 * 1024,
    LEDGER_KEY_BYTES = 48,
};

struct ledger_session {
    char token[LEDGER_TOKEN_BYTES];
    struct document data;
    struct route_path path;
    bool lost; /* it was refused; removed when the scene is over */
};

struct ledger_file {
    char id[LEDGER_ID_BYTES];
    size_t size;
    bool lost; /* this fault was already reported */
    unsigned char digest[SHA256_BYTES];
};

/* How a session ended; ledger.c has the words. */
enum death { DEATH_LOGOUT, DEATH_BY_ANOTHER, DEATH_OTHERS, DEATH_PASSWORD, DEATH_CLOSED };

struct ledger_dead {
    char token[LEDGER_TOKEN_BYTES];
    enum death death;
    int64_t since_us; /* since the run's beginning */
    char request[PROVE_REQUEST_ID_BYTES];
    bool revived; /* this fault was already reported */
};

/* A write that was answered and is later sent again unchanged. */
struct ledger_repetition {
    bool kept;
    bool profile; /* of which document */
    char token[LEDGER_TOKEN_BYTES];
    char key[LEDGER_KEY_BYTES];
    char if_match[PROVE_ETAG_BYTES];
    char body[DOCUMENT_BODY_BYTES];
    unsigned char digest[SHA256_BYTES]; /* of the answer */
};

struct ledger_user {
    char name[LEDGER_NAME_BYTES];
    bool registered, closed;
    bool renames;          /* its name changes often, so that its sessions are often not cached */
    bool maybe_registered; /* that was never answered */
    bool gone;             /* it was acknowledged, but its log-in fails, or its state is not known */
    int64_t keys;
    int64_t password;          /* the number of the current one */
    int64_t renamed, renaming; /* the number in its display name, as acknowledged and as asked for */
    int close_tries;
    struct document profile;
    struct ledger_session sessions[LEDGER_SESSIONS];
    size_t session_count;
    struct ledger_dead dead[LEDGER_DEAD];
    size_t dead_count;
    struct ledger_file files[LEDGER_FILES];
    size_t file_count;
    int64_t sessions_unknown, files_unknown; /* those that may exist or not */
    struct ledger_repetition repetition;
    size_t checks; /* how much of the last check is done */
};

const char *death_word(enum death);

/* Removes the session from the live ones. */
void ledger_session_remove(struct ledger_user *, size_t at);

/* The same; from now on its token must be refused. */
void ledger_session_end(struct ledger_user *, size_t at, enum death, const char *request, int64_t since_us);

/* The session with that token; NULL when there is none. */
struct ledger_session *ledger_session_of(struct ledger_user *, const char *token);
struct ledger_dead *ledger_dead_of(struct ledger_user *, const char *token);

/* Whether there is room to note the end of another session. */
bool ledger_dead_fits(const struct ledger_user *, size_t more);

/* The account's password, by its number. */
void ledger_password(const char *secret, int64_t number, char *text, size_t size);

#endif
