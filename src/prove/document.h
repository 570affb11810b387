/*
 * mayfly-prove, the expected state of one JSON document of the site. Each write sets a mark, a member of its own with a
 * number that no other write has, and raises the version by one; a conditional write raises a counter as well. So the
 * version says how many writes were done, and the marks say which.
 */
#ifndef MAYFLY_PROVE_DOCUMENT_H
#define MAYFLY_PROVE_DOCUMENT_H

#include "http/json.h"
#include "prove/tally.h"

enum {
    DOCUMENT_MARKS = 32,            /* how many of the last writes can be seen */
    DOCUMENT_MAYBES = 4,            /* writes that were never answered and have not been seen yet */
    DOCUMENT_WRITES = 8,            /* under way at once */
    DOCUMENT_NUMBERS = 1000 * 1000, /* marks of one document */
    DOCUMENT_BODY_BYTES = 128,
};

struct document {
    int64_t first;   /* its marks are greater than that, and not greater than first + DOCUMENT_NUMBERS */
    int64_t written; /* marks that were given out */
    int64_t version, counter;
    int64_t marks[DOCUMENT_MARKS]; /* mark % DOCUMENT_MARKS is its place; 0: none yet */
    int64_t maybes[DOCUMENT_MAYBES];
    size_t maybe_count;
    bool vague; /* there were too many of them, so a version higher than expected proves nothing */
};

enum write_state {
    WRITE_ASKED,
    WRITE_DONE,
    WRITE_REFUSED,
    WRITE_UNKNOWN, /* it will never be answered */
};

/* A write of a scene. Several requests may ask for it; it must be done once or not at all. */
struct document_write {
    enum write_state state;
    int64_t mark;
    bool conditional; /* it is conditional on the version that the scene began with, and raises the counter */
    bool forbidden;   /* its key is already used by another write, so it must not be done */
    bool ending;      /* its session ends meanwhile */
    int64_t version;  /* when done */
};

/* All writes to a document between two moments at which its state is known. */
struct document_change {
    struct document *document; /* NULL: there is none */
    struct document_write writes[DOCUMENT_WRITES];
    size_t write_count;
    int64_t seen;      /* the greatest version that was acknowledged or read */
    int64_t after_end; /* the version that was read after a session's end, -1: none */
    bool stale;        /* a read gave an older version; the text says which */
    char stale_text[TALLY_FINDING_BYTES];
};

/* What an answer says about a document, and which request it answered. */
struct document_view {
    const char *account; /* the account */
    const char *what;    /* "session data" or "profile data" */
    const char *said_by; /* the request, in words */
    int64_t version;     /* -1: none */
    const json_t *body;  /* NULL: none */
};

/* The number in "N"; -1 for anything else. */
int64_t document_version_of(const char *etag);

void document_change_begin(struct document_change *, struct document *);

/* Adds a write; NULL when there is no place for it. */
struct document_write *document_write_add(struct document_change *, bool conditional);

/* The merge patch that asks for it. */
void document_write_body(const struct document_change *, const struct document_write *, char text[DOCUMENT_BODY_BYTES]);

/* The write was answered with success for the first time. */
void document_acknowledged(struct tally *, struct document_change *, struct document_write *,
                           const struct document_view *);

/* Judges a read that was sent when the version at_least had been acknowledged. */
void document_read(struct tally *, struct document_change *, const struct document_view *, int64_t at_least);

/* Judges a read while nothing else is under way. What it shows is the known state from then on. */
void document_settle(struct tally *, struct document_change *, const struct document_view *);

#endif
