/* The state of the client of PostgreSQL; for db.c, which decides, and db_batch.c, which sends, only. */
#ifndef MAYFLY_DB_DB_STATE_H
#define MAYFLY_DB_DB_STATE_H

#include "db/db.h"

#include <libpq-fe.h>

enum {
    DB_QUEUE_MAX = 8,
    /* BEGIN and COMMIT, limits, the queued statements and one more, each with a preparation before it. */
    BATCH_MAX = 2 + 2 * (1 + DB_QUEUE_MAX + 1),
};

/* A statement that was sent or waits to be sent. */
struct db_statement {
    struct db_call call;
    bool raw; /* the result's columns are wanted as they are */
};

/* What is answered by each result of a batch, in order. */
enum step_kind { STEP_COMMAND, STEP_PREPARE, STEP_STATEMENT };

struct step {
    enum step_kind kind;
    enum statement statement;
};

/* A batch is written into libpq's buffer step by step, then sent and answered as one. */
struct batch {
    struct step steps[BATCH_MAX];
    size_t count;
    int64_t deadline_us;
};

enum db_transaction_state { TRANSACTION_NONE, TRANSACTION_PENDING, TRANSACTION_OPEN };

struct db {
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    void (*point)(const char *name);
    char name[DB_NAME_BYTES];
    PGconn *pg;
    bool used; /* the connection has answered at least once, so its loss may be an old one */
    bool prepared[STATEMENT_COUNT];
    enum db_transaction_state transaction;
    struct coroutines *coroutines;
    size_t waiting; /* of these, for others' locks */
    struct db_limits limits;
    struct db_limits told; /* the limits that the connection has; 0: not known */
    bool told_just_now;    /* inside of a transaction that may still fail, which would undo it */
    struct db_statement queue[DB_QUEUE_MAX];
    size_t queued;
    struct arena lists; /* encoded for the statement that is just written */
    bool asked;         /* the batch ahead is sent, and its answer is still to be taken */
    struct batch ahead;
    int64_t closed_until_us; /* after a failed connection: do not try before */
    bool may_retry;          /* the last failure may not occur when everything is run again */
    bool unfit;              /* the last failure says that this server is not the primary, or shuts down */
    bool late;               /* the last round trip passed its deadline: trying again would only double the wait */
    uint64_t round_trips;
};

enum db_sent { DB_SENT, DB_REFUSED, DB_LOST };

/*
 * Sends all waiting statements, then statement or command (NULL: none), in one round trip. *resultp is the last one's,
 * for PQclear, or NULL. DB_LOST: the connection can't be used any more. DB_REFUSED: the server refused something, and
 * err says what.
 */
enum db_sent db_batch_send(struct db *, const struct db_statement *, const char *command, PGresult **resultp,
                           struct err *) MUST_CHECK;

/*
 * The same in two halves: sends the statement outside of a transaction, and waits for its answer. False: there is no
 * connection that is free for it. db_batch_send forgets what was asked for; forgetting is false when the connection
 * can't be used any more.
 */
bool db_batch_ask(struct db *, const struct db_statement *) MUST_CHECK;
enum db_sent db_batch_answer(struct db *, PGresult **resultp, struct err *) MUST_CHECK;
bool db_batch_forget(struct db *, struct err *) MUST_CHECK;

/* After a transaction: the limits that it set stay in force, or were rolled back with it. */
void db_batch_settle(struct db *, bool holds);

#endif
