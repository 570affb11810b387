/*
 * PostgreSQL, by libpq, which only this folder knows. A connection is made when it is first needed and made again after
 * it was lost; statements come by name from sql/query; every wait has a deadline.
 *
 * Statements share round trips: BEGIN is sent with the first statement of a transaction, a preparation with the first
 * use of its statement, and statements queued by db_queue with the next statement, at the latest with COMMIT.
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

/*
 * No row is not an error. A caller for which it is one sets it after `!= DB_ROW`: err_set keeps the error of an earlier
 * failure.
 */
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

/* The name under which the server lists further connections; PostgreSQL keeps this many bytes (NAMEDATALEN). */
enum { DB_NAME_BYTES = 64 };
void db_call(struct db *, const char *name);

/*
 * Sets how long a statement may take, and how long it may wait for a lock. PostgreSQL enforces both; err->busy is set
 * for a lock only. At first both are database_timeout_ms.
 */
struct db_limits {
    int64_t statement_ms;
    int64_t lock_ms;
};
void db_limit(struct db *, struct db_limits);
struct db_limits db_limited(const struct db *);

/*
 * The coroutines in which statements and transactions wait for another's lock (db/db_lock.h); borrowed. NULL, as at
 * first: they do not wait.
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
 * db_query_raw in two halves, for a caller that works while the database does: db_ask sends the statement, and
 * db_answer waits for its rows. A caller falls back to db_query_raw, which reports errors: db_ask is false when the
 * statement can't be sent now; db_answer is DB_FAIL, without an error, when the connection was lost or another
 * statement was run in between, which drops the answer. The answer must be taken before other requests wait, since the
 * database keeps a snapshot until then.
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
 * Whether a transaction is open. Other requests of the process must not run then, since they use the same connection.
 */
bool db_in_transaction(const struct db *);

/*
 * Called between two statements of long work: in a coroutine, lets other requests run first. Does nothing inside of a
 * transaction. False: it can't wait here, or the process is about to end.
 */
bool db_give_way(struct db *) MUST_CHECK;

/* Called at named points around COMMIT; the crash tests end the process there. NULL: nothing. */
void db_on_point(struct db *, void (*point)(const char *name));

/* Bytes of PostgreSQL's hex text, in the arena; NULL when memory is out or the text is not hex. */
unsigned char *db_parse_bytes(struct arena *, const char *text, size_t *length) MUST_CHECK;

/*
 * The same, faster, for bytes that are no secret. NULL when memory is out, or the value is not one that PostgreSQL
 * writes.
 */
unsigned char *db_stored_bytes(struct arena *, const struct db_result *, int row, int column,
                               size_t *length) MUST_CHECK;

/* Counts the round trips made so far, for tests. */
uint64_t db_round_trips(const struct db *);

#endif
