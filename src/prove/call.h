/*
 * mayfly-prove, one request: it is repeated, with the same Idempotency-Key, until it is answered. A repetition that is
 * refused does not count as done: a request repeated under its key has to get the first one's answer.
 */
#ifndef MAYFLY_PROVE_CALL_H
#define MAYFLY_PROVE_CALL_H

#include "prove/ledger.h"

enum call_kind {
    CALL_REGISTER,
    CALL_LOGIN,
    CALL_LOGOUT,
    CALL_END_ONE,
    CALL_END_OTHERS,
    CALL_PASSWORD,
    CALL_CLOSE,
    CALL_GET_PROFILE,
    CALL_RENAME,
    CALL_READ_SESSION,
    CALL_WRITE_SESSION,
    CALL_READ_PROFILE,
    CALL_WRITE_PROFILE,
    CALL_UPLOAD,
    CALL_DOWNLOAD,
    CALL_LIST_SESSIONS,
    CALL_LIST_FILES,
    CALL_MAKE_KEY,
    CALL_END_KEY,
    CALL_VISIT, /* of a site behind the gate, by an address and headers of its own */
    CALL_KINDS
};

enum call_state {
    CALL_WAITING, /* waits for its time and a free lane */
    CALL_UNDER_WAY,
    CALL_ANSWERED,
    CALL_UNKNOWN, /* given up; it is not known whether it was done */
};

enum {
    CALL_PATH_BYTES = LEDGER_ID_BYTES + 64,
    CALL_BODY_BYTES = 256,
    CALL_WORDS_BYTES = 192,
    CALL_HEADERS_MAX = 4,
};

struct call {
    enum call_kind kind;
    enum call_state state;
    int role;          /* in its scene */
    long wanted, also; /* the statuses that are right; also: 0 for none */
    char token[LEDGER_TOKEN_BYTES];
    char key[LEDGER_KEY_BYTES]; /* "": it is not repeated after it may have been done */
    char if_match[PROVE_ETAG_BYTES];
    char path[CALL_PATH_BYTES];
    char body[CALL_BODY_BYTES];
    const char *url; /* instead of path, borrowed from its scene; with it headers are sent, and no token */
    const char *headers[CALL_HEADERS_MAX];
    size_t header_count;
    const void *bytes; /* instead of body; NULL: none */
    size_t length;
    bool fresh;
    bool dead; /* its session had ended before it was sent, or its token was never given out: it must be refused */
    struct document_write *write; /* the write that it asks for */
    int64_t number;               /* a number that its scene gives it */
    int64_t at_least;             /* what was acknowledged when it was last sent */
    int tries;
    int64_t not_before_us, first_us, sent_us, answered_us;
    struct event *troubled; /* the event in which it first failed */
    /* The answer. */
    long status;
    bool replayed;
    char worker[PROVE_WORKER_BYTES];
    char request[PROVE_REQUEST_ID_BYTES];
};

struct prove;
struct prove_client;

/*
 * Adds a request of the client's account to its scene, to be sent at once with this token (NULL: none). The caller may
 * change the call before it returns. A scene never adds more than PROVE_CALLS; beyond that the last place is used
 * again.
 */
struct call *call_add(struct prove *, struct prove_client *, enum call_kind, const char *token);

/* A new Idempotency-Key for the call. */
void call_key(struct prove *, struct prove_client *, struct call *);

/* Whether the site took the call's key for one that was used before. */
bool call_key_refused(const struct prove_answer *);

/* Fills in name and password for a registration or a log-in; the password is the current one. */
void call_credentials(struct prove *, struct prove_client *, struct call *);

/* Whether the site verifies a password for this call. */
bool call_is_heavy(const struct call *);

/* Whether an ordinary pool answers it. */
bool call_is_ordinary(const struct call *);

/* How many passwords may be sent now. */
bool call_heavy_allowed(struct prove *, int64_t now_us, int64_t passwords);

/* Sends it in a lane of the client. False when the run can't continue. */
bool call_send(struct prove *, struct prove_client *, size_t lane, struct call *, int64_t now_us,
               struct err *) MUST_CHECK;

/* "GET /profile (request 0123..., a/17, at 1.234 s)" */
const char *call_words(const struct prove *, const struct call *, char text[CALL_WORDS_BYTES]);

const char *call_name(const struct call *);

#endif
