/*
 * PostgreSQL, by libpq, which only this folder knows. A connection is made when it is first needed and made again after
 * it was lost; statements come by name from sql/query; every wait has a deadline.
 *
 * What can ride together does: BEGIN travels with the first statement of a transaction, a preparation with the first
 * use of its statement, and statements queued by db_queue with whatever is sent next, at the latest COMMIT.
 */
#ifndef MAYFLY_DB_DB_H
#define MAYFLY_DB_DB_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "base/uuid.h"
#include "db/statements.h"

struct coroutines;
struct db;

/* No row is not an error. To whom it is one says so after `!= DB_ROW`: err_set keeps what a failure has said before. */
enum db_rc { DB_FAIL, DB_NONE, DB_ROW };

struct db_result {
    void *pg; /* owned by the arena given to db_query */
    int rows;
};

/* ERR_INPUT when the connection string says nothing that libpq understands. */
bool db_check(const struct config *, struct err *) MUST_CHECK;

/* Does not connect. config, clock and log are borrowed. NULL when memory is out. */
struct db *db_new(const struct config *, const struct clock *, const struct log *) MUST_CHECK;
void db_free(struct db *);

/* What the server lists its next connections by; PostgreSQL keeps no more of it (NAMEDATALEN). */
enum { DB_NAME_BYTES = 64 };
void db_call(struct db *, const char *name);

/*
 * From now on a statement may take so long, and wait so long for another's lock; PostgreSQL enforces both, and
 * err->busy tells a lock from all else. At first: database_timeout_ms for both.
 */
struct db_limits {
    int64_t statement_ms;
    int64_t lock_ms;
};
void db_limit(struct db *, struct db_limits);
struct db_limits db_limited(const struct db *);

/*
 * Where statements and transactions that meet another's lock wait for it (db/db_lock.h); borrowed, NULL at first:
 * nowhere.
 */
void db_wait_in(struct db *, struct coroutines *);

/*
 * Runs a statement with its parameters, which statements.h puts together: db_query(db, arena, sql_session_ids(account),
 * …). Outside of a transaction a lost connection is made again once. ERR_DOWN: the database can't be reached or took
 * too long. ERR_CONFLICT: a unique key, ERR_LARGE or ERR_VALUE: a check, with the constraint's name in err->field.
 */
enum db_rc db_query(struct db *, struct arena *, struct db_call, struct db_result *, struct err *) MUST_CHECK;

/* As db_query, but the columns come as they are, and only db_raw reads them: for large columns of bytes. */
enum db_rc db_query_raw(struct db *, struct arena *, struct db_call, struct db_result *, struct err *) MUST_CHECK;
const void *db_raw(const struct db_result *, int row, int column, size_t *length);

/* A statement that always answers with a row: without one it is ERR_BUG. */
bool db_query_one(struct db *, struct arena *, struct db_call, struct db_result *row, struct err *) MUST_CHECK;

/*
 * db_query_raw in two halves, for who has something to do while the database works: db_ask sends the statement, and
 * db_answer waits for its rows. It is for bytes that can also be had by db_query_raw, which answers for all that may go
 * wrong: false, when the statement can't be sent now; DB_FAIL, without an error, when the connection was lost or when
 * another statement was run in between, which has dropped the answer. Whoever has asked takes the answer before others
 * wait: until then the database keeps a snapshot.
 */
bool db_ask(struct db *, struct db_call) MUST_CHECK;
enum db_rc db_answer(struct db *, struct arena *, struct db_result *) MUST_CHECK;
void db_forget(struct db *); /* instead of db_answer, if there is one to come */

/*
 * Notes a statement without an answer, which is sent together with the next one. Texts, bytes and lists that it is
 * given are borrowed until then (db/db_param.h).
 */
bool db_queue(struct db *, struct db_call, struct err *) MUST_CHECK;

/* A value of the result, "" for null; lives as long as the result. */
const char *db_value(const struct db_result *, int row, int column);
bool db_is_null(const struct db_result *, int row, int column);
int64_t db_number(const struct db_result *, int row, int column);
bool db_flag(const struct db_result *, int row, int column);
/* ERR_BUG when the value is no id. */
bool db_id(const struct db_result *, int row, int column, struct uuid *, struct err *) MUST_CHECK;

/*
 * Runs work in one transaction and commits it; rolls back when work fails. When the transaction lost against another or
 * its connection broke, even inside COMMIT, work is run again: it must find out by itself that it was done before
 * (store/outcome.h does).
 */
bool db_transaction(struct db *, bool (*work)(struct db *, void *arg, struct err *), void *arg,
                    struct err *) MUST_CHECK;

/*
 * Whether that is so just now. Whoever lets others of this process get on meanwhile must not: the connection is theirs
 * too.
 */
bool db_in_transaction(const struct db *);

/*
 * Between two statements of something long: in a coroutine, others go on before it does. Nothing inside of a
 * transaction. False: nobody can wait here, or the process is about to end.
 */
bool db_give_way(struct db *) MUST_CHECK;

/* Called at named points around COMMIT; the crash tests end the process there. NULL: nothing. */
void db_on_point(struct db *, void (*point)(const char *name));

/* Bytes of PostgreSQL's hex text, in the arena; NULL when memory is out or the text is not hex. */
unsigned char *db_parse_bytes(struct arena *, const char *text, size_t *length) MUST_CHECK;

/*
 * bytes of a column that are no secret: quicker. NULL when memory is out, or the value is none that PostgreSQL writes.
 */
unsigned char *db_stored_bytes(struct arena *, const struct db_result *, int row, int column,
                               size_t *length) MUST_CHECK;

/* Counts the round trips made so far, for tests. */
uint64_t db_round_trips(const struct db *);

#endif
