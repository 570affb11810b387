/*
 * Who may pass at a site. A text of rules is read once, when it is written, and kept as a form that is small and
 * checked (rules_form.h); each request is judged by that. mayfly-rules(5) has the grammar:
 *
 *     text = row, { ( "|" | end of line ), row }     one row has to hold
 *     row  = term, { term }                          all of its terms have to hold
 *     term = name [ ":" value { "," value } ]        one of its values has to hold
 *
 * Nothing passes but by a row that says so: no rows, and rows that could not be read, let nobody pass.
 */
#ifndef MAYFLY_GATE_RULES_H
#define MAYFLY_GATE_RULES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/networks.h"
#include "base/uuid.h"

enum {
    /*
     * Some screens of text: more than that is for groups. What is kept beside it, and read for each request, is no
     * larger.
     */
    RULES_TEXT_BYTES = 4096,
    RULES_ROWS_MAX = 64,
    RULES_TERMS_MAX = 256,
    RULES_VALUES_MAX = 512,
    /* One can prove and come back within 30 s; a session lasts no longer than a year. */
    RULES_RECENT_LEAST_S = 30,
    RULES_RECENT_MOST_S = 366 * 86400,
    /* What a session can have: something known and something owned. */
    RULES_FACTORS_MAX = 2,
    /*
     * Hosts' clocks differ by less: a proof that is that much ahead was made just now, one that is more so was not
     * made.
     */
    RULES_SKEW_S = 60,
};

/* Kept in forms: a number stays what it is. */
enum rules_kind {
    RULES_PUBLIC = 1,
    RULES_ANY,
    RULES_USER,
    RULES_GROUP,
    RULES_KEY,
    RULES_FACTOR,
    RULES_RECENT,
    RULES_NET,
    RULES_PATH,
    RULES_METHOD,
};

struct rules_value {
    const char *text; /* of user (its name), group, path (decoded) and method; NULL for others */
    union {
        struct uuid account; /* of user, when known is set */
        struct network network;
        int64_t number; /* of factor and recent */
    };
    bool known;
    size_t at; /* the byte of the text at which it stands; of a form nothing is known of that */
};

struct rules_term {
    enum rules_kind kind;
    int row;
    int first, count; /* its values */
};

/* Terms follow one another row by row, values term by term. Zeroes: nobody passes. */
struct rules {
    struct rules_term *terms;
    struct rules_value *values;
    int rows, term_count, value_count;
};

/* Where a text is wrong: line and character, counted from 1. */
struct rules_place {
    int line, character;
};

struct rules_place rules_place_of(const char *text, size_t at);

/*
 * Reads a text; everything is copied to the arena. ERR_VALUE says what was expected and what was found, and *place
 * where. Whoever keeps the rules finds the account of each user first: an account, not whoever will have the name.
 */
bool rules_read(struct arena *, const char *text, size_t length, struct rules *, struct rules_place *,
                struct err *) MUST_CHECK;

/* The next value that names a user, after this one (NULL: the first); NULL when there is none. */
struct rules_value *rules_next_user(const struct rules *, const struct rules_value *after);

/* As it is written in a text, without the ':'. NULL for what is no kind. */
const char *rules_kind_name(enum rules_kind);
/* Whether such a term has values. */
bool rules_kind_has_values(enum rules_kind);

/*
 * What is wrong with the terms of a row beside each other, whatever wrote them, or NULL; *term is the one. A row says
 * who passes: everybody (public), or whoever is logged in as any, as a user, of a group.
 */
const char *rules_row_fault(const struct rules *, int row, int *term);

/* --- Judging */

/* A request, and who sent it. */
struct rules_facts {
    const char *method;
    const char *target;         /* the path as the client sent it, with its query or without */
    const char *address;        /* the client's; "unix:" and what else is none is in no network */
    const struct uuid *account; /* NULL: nobody is logged in, and what follows says nothing */
    const char *const *groups;
    int group_count;
    bool by_key;         /* not by a session */
    int factors;         /* that the session has proved */
    int64_t proof_age_s; /* since the last proof */
};

/* The more, the better. Zero is what is judged of nothing. */
enum rules_verdict {
    RULES_FORBIDDEN,
    RULES_LOG_IN,  /* somebody who logs in may pass */
    RULES_STEP_UP, /* this one may, with another factor or a new proof */
    RULES_PASS,
};

struct rules_judgement {
    enum rules_verdict verdict;
    int factors;      /* with RULES_STEP_UP: as many are wanted, 0: it is not about them */
    int64_t recent_s; /* and a proof not older than this, 0: it is not about that */
    bool by_key;      /* with RULES_LOG_IN: somebody with a key may pass as well */
    int row;          /* that has this verdict, from 0; of RULES_FORBIDDEN it says nothing */
};

/* Asks nobody and changes nothing: the same facts give the same judgement. */
struct rules_judgement rules_judge(const struct rules *, const struct rules_facts *);

#endif
