/*
 * mayfly-prove, its counts: requests and answers by event and by worker, and the promises that were found to be broken.
 * Everything has a bound, however long it runs and however much goes wrong.
 */
#ifndef MAYFLY_PROVE_TALLY_H
#define MAYFLY_PROVE_TALLY_H

#include "prove/http.h"

#include <stdio.h>

enum {
    TALLY_EVENTS_MAX = 66,     /* 64 hooks, the time before them and the check */
    TALLY_WORKERS_MAX = 1024,  /* processes by name; those that come later are counted together */
    TALLY_FINDINGS_MAX = 200,  /* in words; all are counted */
    TALLY_FINDING_BYTES = 384, /* one line of text: two requests with their ids take most of it */
    TALLY_REQUEST_BYTES = 144,
    TALLY_NAME_CHARACTERS = 28, /* of an event's name, in a table */
    TALLY_TICK_MS = 200,        /* of the time line */
    TALLY_TICKS_MAX = 2 * 3600 * 5,
};

enum event_kind {
    EVENT_QUIET,   /* nothing is done to the site: every request must be answered as it should be */
    EVENT_ROLLING, /* something is done that no client may notice */
    EVENT_OUTAGE,  /* requests may fail meanwhile, and what was acknowledged must stay */
};

/* A part of the run, from one hook's start to the next one's. Times are of clock_system.monotonic_us(). */
struct event {
    const char *name;
    enum event_kind kind;
    int64_t began_us;
    int64_t hook_us;    /* how long the command took; 0 for none */
    int64_t healed_us;  /* from the command's end until every client was answered; -1: they were not */
    int64_t longest_us; /* the longest that one request took, all its repetitions included */
    int64_t requests, failed, limited, repeated, replayed;
    bool unavailable;                  /* a request waited longer than it may; this is found once */
    char failure[TALLY_FINDING_BYTES]; /* the first one, in words */
    char hook_failure[TALLY_FINDING_BYTES];
};

/* The kinds of findings, one for each promise; finding_word and finding_promise have them in words. */
enum finding_kind {
    FINDING_LOST_ACCOUNT,
    FINDING_LOST_SESSION,
    FINDING_LOST_WRITE,
    FINDING_LOST_FILE,
    FINDING_LOST_UPLOAD,
    FINDING_LOST_UPDATE,
    FINDING_DONE_TWICE,
    FINDING_DONE_REFUSED,
    FINDING_REFUSED,
    FINDING_ENDED_TOKEN,
    FINDING_FORGED_TOKEN,
    FINDING_OLD_PASSWORD,
    FINDING_STALE_READ,
    FINDING_REUSED_KEY,
    FINDING_MIXED_UP,
    FINDING_STICKY,
    FINDING_DOUBLED,
    FINDING_REVIVED_SESSION,
    FINDING_REVIVED_EFFECT,
    FINDING_STALE_CACHE,
    FINDING_UNAVAILABLE,
    FINDING_WRONG_ANSWER,
    FINDING_KINDS
};

struct finding {
    enum finding_kind kind;
    const struct event *event; /* the event in which it was noticed */
    int64_t at_us;             /* since the run's beginning */
    char account[40];          /* "" when it is of no single account */
    char request
        [TALLY_REQUEST_BYTES]; /* of a scenario: the one that shows it, in words, and who answered; "" when not known */
    char worker[PROVE_WORKER_BYTES];
    char text[TALLY_FINDING_BYTES];
};

struct tally_worker {
    char name[PROVE_WORKER_BYTES];
    int64_t answers;
};

struct tick {
    uint32_t answers, failed;
    uint32_t longest_ms;
};

struct tally {
    int64_t began_us, ended_us;
    struct event events[TALLY_EVENTS_MAX];
    size_t event_count;
    struct tally_worker workers[TALLY_WORKERS_MAX];
    size_t worker_count;
    int64_t unnamed;               /* answers of workers beyond the bound */
    int64_t followed, moved;       /* answers to a session that had one before; those by another worker */
    int64_t found[FINDING_KINDS];  /* effects that differ from what was acknowledged */
    int64_t acknowledged, checked; /* effects */
    int64_t rivals, repetitions;   /* writes with the same If-Match; requests that were sent again on purpose */
    int64_t dead_asked;            /* requests with a token that had ended or was never given out */
    int64_t unchecked;             /* accounts that could not be checked completely in the end */
    int64_t left;                  /* accounts that could not be closed */
    bool interrupted;
    struct finding findings[TALLY_FINDINGS_MAX];
    size_t finding_count;
    struct tick ticks[TALLY_TICKS_MAX];
    size_t tick_count;
};

enum tally_verdict {
    VERDICT_GOOD,
    VERDICT_LIMITED, /* 429: the site limits requests, which is no failure */
    VERDICT_FAILED,
};

/* The event that is under way; there is always one after tally_begin. */
struct event *tally_event(struct tally *);

/* Whether no hook runs and the site has recovered from the last one. */
bool tally_calm(struct tally *);

/* Begins an event. False when there are too many already. name is borrowed. */
bool tally_begin(struct tally *, const char *name, enum event_kind kind, int64_t now_us) MUST_CHECK;

/* Counts one answer, or its absence. action names the request; repeated: it was sent before. */
void tally_answer(struct tally *, const struct prove_answer *answer, enum tally_verdict verdict, const char *action,
                  bool repeated, int64_t now_us);

/*
 * A request was done after took_us, its repetitions included. began is the event in which it first went wrong, or NULL.
 */
void tally_done(struct tally *, struct event *began, int64_t took_us, int64_t now_us);

/* Notes that count effects of this account ("": of no single one) break the promise. */
void tally_find(struct tally *, enum finding_kind, int64_t count, const char *account, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* The same of a request in this event; worker may be "". */
void tally_find_at(struct tally *, enum finding_kind, const struct event *, const char *request, const char *worker,
                   const char *account, const char *format, ...) PRINTF_LIKE(7, 8);

/* How many effects were found to break any promise. */
int64_t tally_found(const struct tally *);

/* Whether something has happened that makes the run fail. */
bool tally_broken(const struct tally *);

/* The sums over all events. */
struct event tally_sum(const struct tally *);

/* True when all promises were kept; otherwise reason says, in one line, which were not. */
bool tally_proven(const struct tally *, char reason[TALLY_FINDING_BYTES]);

const char *event_kind_word(enum event_kind);

/*
 * Prints an event's name as a column of TALLY_NAME_CHARACTERS: what is longer is cut, what is shorter is followed by
 * spaces.
 */
void event_print_name(const char *name, FILE *out);

const char *finding_word(enum finding_kind);
const char *finding_promise(enum finding_kind);

/* The pool of a worker's name POOL/PID: its length. */
size_t tally_pool_length(const char *worker);

#endif
