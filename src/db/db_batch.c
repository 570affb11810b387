/* Batches: waiting statements are sent together (libpq's pipeline mode) and answered together. */
#include "db/db_connection.h"
#include "db/db_state.h"

#include <string.h>

enum {
    /* PostgreSQL ends a statement that takes too long. If it does not, the connection is closed. */
    GRACE_MS = 250,
};

static bool add_command(struct db *db, struct batch *batch, const char *sql)
{
    batch->steps[batch->count++] = (struct step){.kind = STEP_COMMAND};
    return PQsendQueryParams(db->pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

/* Whether the statement is prepared, or will be by an earlier step of this batch. */
static bool is_prepared(const struct db *db, const struct batch *batch, enum statement statement)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->steps[i].kind == STEP_PREPARE && batch->steps[i].statement == statement)
            return true;
    return db->prepared[statement];
}

static bool send_call(struct db *db, struct batch *batch, const struct db_statement *call, const struct db_wire *wire)
{
    enum statement statement = call->call.statement;
    const struct statement_text *text = &statement_texts[statement];
    int format = call->raw ? 1 : 0;

    if (!db->config->database_prepare) {
        batch->steps[batch->count++] = (struct step){STEP_STATEMENT, statement};
        return PQsendQueryParams(db->pg, text->sql, text->parameters, NULL, wire->values, wire->lengths, wire->formats,
                                 format) == 1;
    }
    if (!is_prepared(db, batch, statement)) {
        batch->steps[batch->count++] = (struct step){STEP_PREPARE, statement};
        if (PQsendPrepare(db->pg, text->name, text->sql, 0, NULL) != 1)
            return false;
    }
    batch->steps[batch->count++] = (struct step){STEP_STATEMENT, statement};
    return PQsendQueryPrepared(db->pg, text->name, text->parameters, wire->values, wire->lengths, wire->formats,
                               format) == 1;
}

static bool add_call(struct db *db, struct batch *batch, const struct db_statement *call)
{
    struct db_wire wire;
    bool ok =
        db_params_encode(call->call.params, statement_texts[call->call.statement].parameters, &db->lists, &wire) &&
        send_call(db, batch, call, &wire);

    arena_reset(&db->lists); /* libpq has a copy */
    return ok;
}

static bool flush(struct db *db, int64_t deadline_us, struct err *err)
{
    int pending;

    while ((pending = PQflush(db->pg)) == 1) {
        if (!db_connection_wait(db->pg, true, db->clock, deadline_us, err))
            return false;
        if (PQconsumeInput(db->pg) == 0)
            return err_set(err, ERR_DOWN, "%s", PQerrorMessage(db->pg));
    }
    return pending == 0 || err_set(err, ERR_DOWN, "%s", PQerrorMessage(db->pg));
}

/* The next result, NULL between two statements; ok is false when the connection is lost or the deadline passed. */
static PGresult *next_result(struct db *db, int64_t deadline_us, bool *ok, struct err *err)
{
    while (PQisBusy(db->pg)) {
        *ok = db_connection_wait(db->pg, false, db->clock, deadline_us, err);
        if (*ok && PQconsumeInput(db->pg) == 0)
            *ok = err_set(err, ERR_DOWN, "%s", PQerrorMessage(db->pg));
        if (!*ok)
            return NULL;
    }
    *ok = true;
    return PQgetResult(db->pg);
}

/* Reads the answers of a batch up to its end. The last statement's rows go to *last; the first failure goes to err. */
static bool read_answers(struct db *db, const struct batch *batch, PGresult **last, bool *lost, struct err *err)
{
    int64_t limit_us = batch->deadline_us - GRACE_MS * 1000;
    size_t step = 0;
    bool ok = true;

    *last = NULL;
    for (;;) {
        bool readable;
        PGresult *result = next_result(db, batch->deadline_us, &readable, err);
        ExecStatusType status;

        if (!readable || (result == NULL && PQstatus(db->pg) == CONNECTION_BAD)) {
            *lost = true;
            return err_set(err, ERR_DOWN, "connection to the database lost");
        }
        if (result == NULL)
            continue;
        status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return ok;
        }
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
            if (step < batch->count && batch->steps[step].kind == STEP_PREPARE)
                db->prepared[batch->steps[step].statement] = true;
            if (step + 1 == batch->count) {
                *last = result;
                result = NULL;
            }
        } else if (status == PGRES_FATAL_ERROR) {
            bool named = step < batch->count && batch->steps[step].kind != STEP_COMMAND;
            enum db_again again =
                db_connection_error(result, named ? statement_texts[batch->steps[step].statement].name : "command",
                                    db->clock->monotonic_us() < limit_us, err);

            ok = false;
            db->may_retry = again == DB_AGAIN_HERE || again == DB_AGAIN_ELSEWHERE;
            db->unfit = again == DB_AGAIN_ELSEWHERE;
        } else if (status != PGRES_PIPELINE_ABORTED) {
            ok = err_set(err, ERR_BUG, "unexpected result status %s", PQresStatus(status));
        }
        PQclear(result);
        step++;
    }
}

/*
 * Limits are sent with the statement that they are for. A connection of our own keeps them, so they are sent when they
 * change; behind PgBouncer each transaction may have another connection, so each begins with them.
 */
static bool add_limits(struct db *db, struct batch *batch)
{
    bool own = db->config->database_prepare;
    const struct db_statement call = {.call = sql_limits_set(db->limits.statement_ms, db->limits.lock_ms, !own)};

    if (own ? db->told.statement_ms == db->limits.statement_ms && db->told.lock_ms == db->limits.lock_ms
            : db->transaction == TRANSACTION_OPEN)
        return true;
    db->told = db->limits;
    db->told_just_now = true;
    return add_call(db, batch, &call);
}

void db_batch_settle(struct db *db, bool holds)
{
    if (db->told_just_now && !holds)
        db->told = (struct db_limits){0};
    db->told_just_now = false;
}

static bool send_batch(struct db *db, struct batch *batch, const struct db_statement *call, const char *command,
                       struct err *err)
{
    bool ok = PQenterPipelineMode(db->pg) == 1;

    *batch = (struct batch){.deadline_us = db->clock->monotonic_us() + (db->limits.statement_ms + GRACE_MS) * 1000};
    if (db->transaction == TRANSACTION_PENDING)
        ok = ok && add_command(db, batch, "BEGIN");
    ok = ok && add_limits(db, batch);
    for (size_t i = 0; i < db->queued; i++)
        ok = ok && add_call(db, batch, &db->queue[i]);
    db->queued = 0;
    if (call != NULL)
        ok = ok && add_call(db, batch, call);
    if (command != NULL)
        ok = ok && add_command(db, batch, command);
    ok = ok && PQpipelineSync(db->pg) == 1;
    if (!ok || !flush(db, batch->deadline_us, err)) {
        db->late = db->clock->monotonic_us() >= batch->deadline_us;
        return err_set(err, ERR_DOWN, "%s", PQerrorMessage(db->pg));
    }
    db->round_trips++;
    return true;
}

static enum db_sent receive_batch(struct db *db, const struct batch *batch, PGresult **resultp, struct err *err)
{
    bool lost = false, ok;

    db->unfit = false;
    ok = read_answers(db, batch, resultp, &lost, err);
    db->late = lost && db->clock->monotonic_us() >= batch->deadline_us;
    if (lost || PQexitPipelineMode(db->pg) != 1)
        return DB_LOST;
    db->used = true;
    if (db->transaction == TRANSACTION_NONE || !ok)
        db_batch_settle(db, ok);
    return ok ? DB_SENT : DB_REFUSED;
}

bool db_batch_ask(struct db *db, const struct db_statement *call)
{
    struct err ignored = {.kind = ERR_NONE}; /* fails on a lost connection, which the next statement finds */

    if (db->pg == NULL || db->asked || db->transaction != TRANSACTION_NONE || db->queued > 0)
        return false;
    db->asked = true;
    return send_batch(db, &db->ahead, call, NULL, &ignored);
}

enum db_sent db_batch_answer(struct db *db, PGresult **resultp, struct err *err)
{
    db->asked = false;
    return receive_batch(db, &db->ahead, resultp, err);
}

bool db_batch_forget(struct db *db, struct err *err)
{
    struct err refused = {.kind = ERR_NONE};
    PGresult *result = NULL;
    enum db_sent rc = db->asked ? db_batch_answer(db, &result, &refused) : DB_SENT;

    PQclear(result);
    return rc != DB_LOST || err_set(err, ERR_DOWN, "%s", refused.detail);
}

enum db_sent db_batch_send(struct db *db, const struct db_statement *call, const char *command, PGresult **resultp,
                           struct err *err)
{
    struct batch batch;

    *resultp = NULL;
    db->unfit = false;
    if (!db_batch_forget(db, err) || !send_batch(db, &batch, call, command, err))
        return DB_LOST;
    if (db->transaction == TRANSACTION_PENDING)
        db->transaction = TRANSACTION_OPEN;
    return receive_batch(db, &batch, resultp, err);
}
