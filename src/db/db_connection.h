/* Makes db.c's connection, with a deadline, and after a failure with a pause. */
#ifndef MAYFLY_DB_DB_CONNECTION_H
#define MAYFLY_DB_DB_CONNECTION_H

#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"

#include <libpq-fe.h>

/* Whether running a refused statement again may help: on this connection, or on one to the server that is right now. */
/* Later: another transaction has the lock; err->busy is set too. */
enum db_again { DB_AGAIN_NEVER, DB_AGAIN_HERE, DB_AGAIN_ELSEWHERE, DB_AGAIN_LATER };

/*
 * A connection to a writable server; NULL and ERR_DOWN otherwise. database_connect_ms is shared by the servers that the
 * connection string names, so that one that hangs does not hide the next. name is what the server lists it by.
 */
PGconn *db_connection_open(const struct config *, const char *name, const struct clock *, struct err *) MUST_CHECK;

/* Waits until the socket can be read (or written, when wanted too). ERR_DOWN at the deadline. */
bool db_connection_wait(PGconn *, bool for_write, const struct clock *, int64_t deadline_us, struct err *) MUST_CHECK;

/*
 * Sets err from a failed result by its SQLSTATE; statement is a name for the log. in_time: the limit of a statement's
 * time has not passed since the batch was sent, so a cancelled statement was not cancelled for it.
 */
enum db_again db_connection_error(const PGresult *, const char *statement, bool in_time, struct err *);

#endif
