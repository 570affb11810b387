/*
 * mayflyctl prove, its clients: each has accounts of its own and one request under way, which is repeated until it is
 * answered. prove_choice.h says what is asked next, prove_action.h what an answer means, prove.c when phases end.
 */
#ifndef MAYFLY_BIN_PROVE_CLIENT_H
#define MAYFLY_BIN_PROVE_CLIENT_H

#include "bin/prove_ledger.h"

enum prove_phase {
    PHASE_PREPARE, /* accounts are made and logged in */
    PHASE_LOAD,
    PHASE_CHECK, /* everything that was acknowledged is asked for */
    PHASE_CLEAN, /* the accounts are closed */
    PHASE_STOP,  /* nothing more is asked */
};

enum action_kind {
    ACTION_NONE,
    ACTION_REGISTER,
    ACTION_LOGIN,
    ACTION_LOGOUT,
    ACTION_TRY_DEAD,
    ACTION_WRITE_SESSION,
    ACTION_READ_SESSION,
    ACTION_WRITE_PROFILE,
    ACTION_READ_PROFILE,
    ACTION_UPLOAD,
    ACTION_DOWNLOAD,
    ACTION_LIST_SESSIONS,
    ACTION_LIST_FILES,
    ACTION_CLOSE,
    ACTION_COUNT
};

enum { PROVE_KEY_BYTES = 33, PROVE_PASSWORD_BYTES = 33 };

struct prove_client {
    size_t slot;
    struct ledger_user *user;             /* of the action */
    enum action_kind action, next_action; /* next_action: what an answer makes necessary */
    size_t at;                            /* of the session, file or dead token that the action is about */
    bool under_way;                       /* it was sent, and the answer is to come */
    int tries;
    int64_t first_us; /* of the action's first try */
    int64_t not_before_us;
    int64_t finished_us;    /* the first_us of the last action that went well */
    struct event *troubled; /* in which it first went wrong */
    char key[PROVE_KEY_BYTES];
    char path[LEDGER_FILE_ID_BYTES + 64];
    char etag[PROVE_ETAG_BYTES];
    char body[LEDGER_FILE_MAX_BYTES];
    size_t length;
};

struct prove {
    struct tally tally;
    struct prove_http *http;
    struct ledger_user *users;
    size_t user_count;
    struct prove_client *clients;
    size_t client_count;
    enum prove_phase phase;
    bool upload;
    char password[PROVE_PASSWORD_BYTES];
    uint64_t random;   /* state of the generator that --seed starts */
    int64_t tokens_us; /* how many passwords may be sent: see prove_choice.c */
    int64_t refilled_us;
    struct arena scratch; /* of one answer */
};

/* Sends the client's next request if it is time. False when the run can't go on. */
bool client_go(struct prove *, struct prove_client *, int64_t now_us, struct err *) MUST_CHECK;

/* What an answer says. False when the run can't go on: the site does not let accounts be made. */
bool client_answer(struct prove *, struct prove_client *, const struct prove_answer *, int64_t now_us,
                   struct err *) MUST_CHECK;

#endif
