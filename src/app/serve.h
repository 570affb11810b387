/* One request from its route to its finished answer. */
#ifndef MAYFLY_APP_SERVE_H
#define MAYFLY_APP_SERVE_H

#include "app/exchange.h"

/*
 * Finds the routes of all that have come together, and the sessions of those whose route asks for one, as one batch.
 * opened[i] is what exchange_open found wrong with exchanges[i], and gets what is wrong with its route.
 */
void serve_prefetch(struct exchange *const *exchanges, struct err *opened, size_t count);

enum serving {
    SERVING_NOTHING, /* not even an error page can be made: nothing may be sent */
    SERVING_ANSWER,  /* *answer is all of it */
    SERVING_PIECES,  /* *answer is its head, serve_next gives the rest */
    SERVING_BODY,    /* the handler waits for the body: serve_take, then serve_end */
    SERVING_JOB,     /* the handler has more to do: serve_step until it is something else */
};

/*
 * Begins an answer; opened is what was found wrong so far. The answer's bytes go to *answer, in the exchange's arena.
 */
enum serving serve(struct exchange *, const struct err *opened, struct buf *answer) MUST_CHECK;

/* Hands on a slice of the body. What goes wrong is answered by serve_end, which may then come early. */
void serve_take(struct exchange *, const void *bytes, size_t length);

/* The body is over, or of no more use; `whole` unless it was cut off. SERVING_JOB: its end met another's lock. Never SERVING_BODY. */
enum serving serve_end(struct exchange *, bool whole, struct buf *answer) MUST_CHECK;

/*
 * The next step of a job. SERVING_JOB: it has further ones, after x->pause_ms. SERVING_BODY: it was a handler that met another's
 * lock (app/again.h), and now waits for its body.
 */
enum serving serve_step(struct exchange *, struct buf *answer) MUST_CHECK;

/* Ends a job that is not to be gone on with. */
void serve_quit(struct exchange *);

/* The next piece of a long answer, alive until the next call. False: it can't be gone on with. */
bool serve_next(struct exchange *, const void **bytes, size_t *length, bool *last) MUST_CHECK;

/* The reader of a long answer is slow, and has been sent all that serve_next gave. */
void serve_rest(struct exchange *);

/* Begins to read what serve_next will give, while what it has given is sent; serve_settle has to follow before anybody else gets on. */
void serve_expect(struct exchange *);
void serve_settle(struct exchange *);

/* Instead of what was begun: a refusal. */
enum serving serve_refuse(struct exchange *, const struct err *, struct buf *answer) MUST_CHECK;

#endif
