/*
 * The requests that a worker has in hand. Most are answered in the batch in which they came. One whose body comes
 * slowly, or whose answer is long, keeps its turn and gets on whenever its connection is ready, so that it holds nobody
 * up: opened -> (SERVING_BODY: takes, or SERVING_JOB: steps) -> answered, or in pieces -> closed. A job's steps come
 * between other requests too: its connection is ready for the answer all the time, so it has a step in each round in
 * which its account has time left.
 *
 * Who waits costs little, since there may be thousands: a slow reader holds no bytes of the file, which are read again
 * when there is room for them, and a slow sender as much as has come of a block, up to worker_stream_bytes of all
 * together. A body that can't be left half way is not read before its memory is reserved (worker/body_memory.h).
 *
 * What verifies a password takes the whole worker for tens of milliseconds, so it is queued (app/admission.h): whole
 * requests are taken from the socket between two passwords, one is served in each round, and what is beyond the queue's
 * bounds is answered at once.
 *
 * Where a route may wait for somebody slow, such as the object storage, each turn is taken in a coroutine
 * (base/coroutine.h). While that waits the request stays in hand: nothing of it is read or sent, and that its client
 * has gone is found out by the turn after.
 */
#ifndef MAYFLY_WORKER_TURNS_H
#define MAYFLY_WORKER_TURNS_H

#include "app/admission.h"
#include "app/serve.h"
#include "app/shares.h"
#include "fcgi/fcgi.h"
#include "worker/slices.h"

#include <sys/queue.h>

enum {
    /* What is ready together is served together; more would make the first wait for the last. */
    TURNS_BATCH_MAX = 32,
    /* Of worker_streams_max, one account's part: the fourth that does its worst still leaves room. */
    TURNS_SHARE = 4,
    /*
     * Turns that wait for somebody slow at a time: the other streams are for those who wait for nothing but their
     * clients. Whoever is beyond that, and was about to wait, hears at once that the storage is not to be had. One that
     * waits takes some 30 KiB, most of it its stack.
     */
    TURNS_WAITING_MAX = 256,
    /* And some of these are for others than the account that has the most of them. */
    TURNS_WAITING_PER_ACCOUNT = 128,
    /*
     * Readers that wait for room keep what was read for them, up to so many at a time, of 256 KiB each; the one that
     * has waited for longest gives its away first. So whoever keeps up has each block read once, and a slow reader
     * holds nothing.
     */
    TURNS_READ_AHEAD_MAX = 16,
};

struct stint;

/* One request in hand. */
struct turn {
    struct exchange exchange;
    struct fcgi_request *request;
    int64_t body_bytes; /* of a body that comes in turns */
    struct admission_entry entry;
    unsigned char share[SHARE_KEY_BYTES]; /* whose stream it is */
    bool shared;                          /* it is counted there */
    bool queued;                          /* it waits for its password */
    bool waits;                           /* it was put aside, and its connection is not ready yet */
    size_t held;                          /* memory for what came of its body and is not stored yet */
    size_t reserved;                      /* the same of one that can't be let go: what it takes at most */
    bool is_in_line;                      /* for such memory */
    TAILQ_ENTRY(turn) in_line;
    bool reads_ahead; /* it keeps a block that was read for it while it waits */
    TAILQ_ENTRY(turn) in_readers;
    LIST_ENTRY(turn) in_all; /* all that are in hand, or all that are idle */
};

LIST_HEAD(turn_list, turn);

struct turns {
    struct services *services;
    struct fcgi_server *server;
    struct admission admission;
    struct turn_list in_hand;
    struct turn_list idle; /* that keep a block of memory for the next request */
    size_t idle_count;
    size_t streams; /* requests that wait for their next turn, or in it, but for a password */
    size_t held;    /* by all of them */
    struct shares shares;
    /* worker/body_memory.h's: */
    size_t reserved; /* by all of them */
    struct shares memory_shares;
    TAILQ_HEAD(, turn) line;
    TAILQ_HEAD(, turn) readers; /* those that read ahead; who has waited for longest comes first */
    size_t readers_count;
    bool has_given;    /* since somebody of the line was looked for */
    int64_t served_us; /* how long the last password took */
    size_t waiting_count;
    LIST_HEAD(, stint) waiting; /* turns that wait within, with work of no request */
    struct slices spare;        /* for what comes of a body in one turn */
};

bool turns_init(struct turns *, struct services *, struct fcgi_server *, struct err *) MUST_CHECK;

/* Ends what is still in hand: what uploads have received is kept. */
void turns_free(struct turns *);

/* Gathers what is ready within timeout_ms and gets on with it. Returns how many were new. */
size_t turns_take(struct turns *, int timeout_ms, bool *any);

/* Whether requests wait for their next turn, or for a password. */
bool turns_wait(const struct turns *);

/* Whether no request in hand needs another process or thread: one that looks at a picture, or libcurl's. */
bool turns_are_alone(const struct turns *);

/* Does this beside the requests, in a coroutine. False: memory is out. */
bool turns_do_beside(struct turns *, void (*work)(void *arg), void *arg) MUST_CHECK;

#endif
