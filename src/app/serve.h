/* Serves a request, from its route to its answer. */
#ifndef MAYFLY_APP_SERVE_H
#define MAYFLY_APP_SERVE_H

#include "app/exchange.h"

/*
 * Finds the routes of a batch of requests, and, together, the sessions of those whose route needs one. opened[i] is the
 * error that exchange_open found for exchanges[i], or gets the error of its route.
 */
void serve_prefetch(struct exchange *const *exchanges, struct err *opened, size_t count);

enum serving {
    SERVING_NOTHING, /* no answer can be made, and nothing may be sent */
    SERVING_ANSWER,  /* *answer is the whole answer */
    SERVING_PIECES,  /* *answer is the head; serve_next gives the rest */
    SERVING_BODY,    /* the handler needs the body: call serve_take, then serve_end */
    SERVING_JOB,     /* there is more to do: call serve_step until it returns something else */
};

/*
 * Begins an answer. opened is the error that was found so far. The bytes of the answer go to *answer, in the arena of
 * the exchange.
 */
enum serving serve(struct exchange *, const struct err *opened, struct buf *answer) MUST_CHECK;

/* Gives the handler a slice of the body. serve_end answers an error, and may be called early for it. */
void serve_take(struct exchange *, const void *bytes, size_t length);

/*
 * The body is over, or is not needed any more; `whole` is false when it was cut off. SERVING_JOB: its end has met
 * another transaction's lock. Never SERVING_BODY.
 */
enum serving serve_end(struct exchange *, bool whole, struct buf *answer) MUST_CHECK;

/*
 * Does the next step of a job. SERVING_JOB: it has further steps, after x->pause_ms. SERVING_BODY: it was a handler
 * that had met another transaction's lock (app/again.h), and now needs its body.
 */
enum serving serve_step(struct exchange *, struct buf *answer) MUST_CHECK;

/* Ends a job that is not continued. */
void serve_quit(struct exchange *);

/* Gives the next piece of a long answer, valid until the next call. False: the answer can't be continued. */
bool serve_next(struct exchange *, const void **bytes, size_t *length, bool *last) MUST_CHECK;

/* The client is slow, and was sent all that serve_next has given. */
void serve_rest(struct exchange *);

/*
 * Begins to read what serve_next will give, while what it gave is sent. serve_settle must follow before other requests
 * are served.
 */
void serve_expect(struct exchange *);
void serve_settle(struct exchange *);

/* Answers with an error instead of what was begun. */
enum serving serve_refuse(struct exchange *, const struct err *, struct buf *answer) MUST_CHECK;

#endif
