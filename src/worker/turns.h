/*
 * The requests that a worker has in hand. Most are answered in the batch in which they came. A request whose body comes
 * slowly, or whose answer is long, keeps its turn and continues whenever its connection is ready, so that it delays no
 * other: opened -> (SERVING_BODY: takes, or SERVING_JOB: steps) -> answered, or in pieces -> closed. A job's steps come
 * between other requests too: its connection is always ready for the answer, so it does a step in each round in which
 * its account has time left.
 *
 * A waiting request takes little memory, since there may be thousands. A slow reader holds no bytes of the file, which
 * are read again when the socket has room; a slow sender holds the part of a block that has arrived, and all senders
 * together worker_stream_bytes. A body that can't be stored half way is not read before its memory is reserved
 * (worker/body_memory.h).
 *
 * A request that verifies a password takes the whole worker for tens of milliseconds, so it is queued
 * (app/admission.h): whole requests are taken from the socket between two passwords, one is served in each round, and
 * requests beyond the queue's bounds are answered at once.
 *
 * Each turn of a route that may wait, such as for the object storage, runs in a coroutine (base/coroutine.h). While it
 * waits its request stays in hand: nothing of it is read or sent, and a closed connection is noticed in the next turn.
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
    /* The part of worker_streams_max that one account may have: three that take all of theirs leave room for others. */
    TURNS_SHARE = 4,
    /*
     * Turns that may wait for a storage or a child at the same time; the other streams are for turns that wait only for
     * their clients. A further turn that would have to wait fails at once, as if the storage were away. A waiting turn
     * takes some 30 KiB, most of it its stack.
     */
    TURNS_WAITING_MAX = 256,
    /* The part of these that one account may have, so that some are left for others. */
    TURNS_WAITING_PER_ACCOUNT = 128,
    /*
     * Readers that wait for room and keep the block of 256 KiB that was read for them; beyond this number the one that
     * has waited longest gives its block back. So a fast reader's blocks are read once each, and a slow reader holds
     * none.
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
    size_t held;                          /* memory for the part of its body that is not stored yet */
    size_t reserved;                      /* the same for a body that can't be stored half way: the most it takes */
    bool is_in_line;                      /* for such memory */
    TAILQ_ENTRY(turn) in_line;
    bool reads_ahead; /* it keeps a block that was read for it while it waits */
    TAILQ_ENTRY(turn) in_readers;
    LIST_ENTRY(turn) in_all; /* among all turns in hand, or among the idle ones */
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
    TAILQ_HEAD(, turn) readers; /* turns that keep a block; the one that has waited longest comes first */
    size_t readers_count;
    bool has_given;    /* when the queue was looked at last */
    int64_t served_us; /* how long the last password took */
    size_t waiting_count;
    LIST_HEAD(, stint) waiting; /* turns that wait within, with work of no request */
    struct slices spare;        /* for what comes of a body in one turn */
};

bool turns_init(struct turns *, struct services *, struct fcgi_server *, struct err *) MUST_CHECK;

/* Ends the requests that are still in hand. The bytes that uploads have received are kept. */
void turns_free(struct turns *);

/* Gathers the requests that are ready within timeout_ms and continues them. Returns how many were new. */
size_t turns_take(struct turns *, int timeout_ms, bool *any);

/* Whether requests wait for their next turn, or for a password. */
bool turns_wait(const struct turns *);

/* Whether no request in hand needs another process or thread: one that looks at a picture, or libcurl's. */
bool turns_are_alone(const struct turns *);

/* Runs the work beside the requests, in a coroutine. False: memory is out. */
bool turns_do_beside(struct turns *, void (*work)(void *arg), void *arg) MUST_CHECK;

#endif
