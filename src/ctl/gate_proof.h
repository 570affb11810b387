/*
 * mayflyctl gate prove: attacks on a live site behind the gate. Each of the gate_prove_….c asks something that must not
 * work, or must, and adds a row for it. One request is under way at a time, bounded in time and bytes.
 *
 * The site is known by HTTP alone: neither nginx's files nor the database are read, so what is found is what strangers
 * find.
 */
#ifndef MAYFLY_CTL_GATE_PROOF_H
#define MAYFLY_CTL_GATE_PROOF_H

#include "base/arena.h"
#include "base/err.h"
#include "prove/http.h"

#include <stddef.h>

enum {
    GATE_PROOF_BYTES = 16 * 1024 * 1024, /* of the arena: heads of some hundred requests, and rows */
    GATE_ANSWER_BYTES = 1024 * 1024,     /* of an answer; what is longer counts as none */
    GATE_TIMEOUT_S = 20,                 /* of a request; nginx gives up a worker after 15 s */
    GATE_FIELDS_MAX = 40,                /* of a request's header */
    GATE_PATHS_MAX = 8,
};

/* --- Rows */

enum gate_result { GATE_HELD, GATE_BROKEN, GATE_NOT_ASKED, GATE_RESULTS };

struct gate_row {
    enum gate_result result;
    const char *what;     /* what was tried */
    const char *evidence; /* what came, or why it was not asked */
    struct gate_row *next;
};

struct gate_rows {
    struct gate_row *first, *last;
    size_t counts[GATE_RESULTS];
};

/* --- The site, and who asks */

struct gate_place {
    const char *origin; /* without a slash at its end */
    const char *target; /* from the path on */
};

/* Somebody with an account, by a log-in of his own. */
struct gate_visitor {
    const char *token;  /* of the session at home */
    const char *id;     /* of the account */
    const char *cookie; /* at the site, as Cookie has it; NULL: the way there did not end there */
};

struct gate_proof {
    struct arena *arena;
    struct prove_http *http;
    struct gate_rows rows;

    struct gate_place site;
    struct gate_place other;           /* origin is NULL: none is given */
    const char *paths[GATE_PATHS_MAX]; /* that guests may not enter, the site's own first */
    size_t path_count;
    const char *echo, *public_path, *denied; /* NULL: not given */
    const char *expired;                     /* a token */
    const char *away, *back;                 /* commands */
    const char *name, *password;

    const char *home; /* the origin of mayfly's own pages; NULL: the site did not tell */
    struct gate_visitor visitor;
    bool has_visits;      /* the site has a cookie of its own, and tickets */
    long passed_status;   /* what somebody with an account gets at the site */
    size_t passed_length; /* of its body */
};

/* --- Requests */

/* Texts are borrowed for the call; NULL: not sent. */
struct gate_request {
    const char *method; /* NULL: GET */
    const char *origin; /* NULL: the site's */
    const char *target; /* as it is sent; NULL: the site's */
    const char *cookie, *bearer;
    const char *type, *body;
    const char *const *fields; /* more, "Name: value" */
    size_t field_count;
    bool navigates; /* as a browser on the way to a page */
    enum prove_version version;
};

/* The answer is borrowed until the next request. That there is none is in it, and no error. */
bool gate_ask(struct gate_proof *, const struct gate_request *, struct prove_answer *, struct err *) MUST_CHECK;

/* The first value of a field, in the arena; NULL: it is not there, or memory is out. */
const char *gate_field(const struct gate_proof *, const struct prove_answer *, const char *name);

/* Whether the gate has refused: in its own words, since an app may answer 401 and 403 as well. */
bool gate_refused(const struct gate_proof *, const struct prove_answer *);

/* "401", "303 to https://auth.example.org/enter", "no answer: …"; never NULL. */
const char *gate_told(const struct gate_proof *, const struct prove_answer *);

/* --- Adding rows */

bool gate_row(struct gate_proof *, enum gate_result, const char *what, const char *evidence, struct err *) MUST_CHECK;

/* Sends the request, which the gate has to refuse; an answer of the status `also`, unless 0, counts as refused too. */
bool gate_row_refused(struct gate_proof *, const struct gate_request *, long also, const char *what,
                      struct err *) MUST_CHECK;

/* --- What is asked, in this order */

/* Guests: who is led to the log-in, and who is told. Finds the home. */
bool gate_prove_ways(struct gate_proof *, struct err *) MUST_CHECK;
/* The account of --login gets in. */
bool gate_prove_visitor(struct gate_proof *, struct err *) MUST_CHECK;
/* Guests, and at --denied the account: spellings of paths, methods, versions, claims. */
bool gate_prove_paths(struct gate_proof *, struct err *) MUST_CHECK;
bool gate_prove_requests(struct gate_proof *, struct err *) MUST_CHECK;
bool gate_prove_cookies(struct gate_proof *, struct err *) MUST_CHECK;
bool gate_prove_tickets(struct gate_proof *, struct err *) MUST_CHECK;
/* What the app receives, by --echo. */
bool gate_prove_identity(struct gate_proof *, struct err *) MUST_CHECK;
/* A log-out. */
bool gate_prove_end(struct gate_proof *, struct err *) MUST_CHECK;
/* The database away, by --away and --back. */
bool gate_prove_outage(struct gate_proof *, struct err *) MUST_CHECK;

#endif
