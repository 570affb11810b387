#define STATEMENTS_DEFINE
#include "db/db.h"

#include "base/coroutine.h"
#include "db/db_connection.h"
#include "db/db_lock.h"
#include "db/db_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSACTION_TRIES = 4 };

/* Checked first, since libpq's error at the connection would look like a server that is away. */
bool db_check(const struct config *config, struct err *err)
{
    const char *database = config->database;
    PQconninfoOption *options;
    char *reason = NULL;

    /* To libpq anything else is the name of a database. */
    if (strchr(database, '=') == NULL && strstr(database, "://") == NULL)
        return true;
    options = PQconninfoParse(database, &reason);
    if (options == NULL)
        err_set(err, ERR_INPUT, "database: %.*s; say host=/run/postgresql dbname=mayfly user=mayfly, or the like",
                (int)strcspn(reason != NULL ? reason : "", "\n"), reason != NULL ? reason : "");
    PQconninfoFree(options);
    PQfreemem(reason);
    return options != NULL;
}

struct db *db_new(const struct config *config, const struct clock *clock, const struct log *log)
{
    struct db *db = calloc(1, sizeof *db);

    if (db == NULL)
        return NULL;
    db->config = config;
    db->clock = clock;
    db->log = log;
    db_call(db, "mayfly");
    db->limits = (struct db_limits){config->database_timeout_ms, config->database_timeout_ms};
    arena_init(&db->lists, DB_LISTS_BYTES);
    return db;
}

void db_call(struct db *db, const char *name)
{
    snprintf(db->name, sizeof db->name, "%s", name);
}

static void disconnect(struct db *db)
{
    PQfinish(db->pg);
    db->pg = NULL;
    db->used = false;
    db->asked = false;
    db->told = (struct db_limits){0};
    db->told_just_now = false;
    memset(db->prepared, 0, sizeof db->prepared);
}

void db_free(struct db *db)
{
    if (db == NULL)
        return;
    disconnect(db);
    arena_free(&db->lists);
    free(db);
}

void db_limit(struct db *db, struct db_limits limits)
{
    db->limits = limits;
}

struct db_limits db_limited(const struct db *db)
{
    return db->limits;
}

void db_wait_in(struct db *db, struct coroutines *coroutines)
{
    db->coroutines = coroutines;
}

void db_on_point(struct db *db, void (*point)(const char *))
{
    db->point = point;
}

static void pass_point(struct db *db, const char *name)
{
    if (db->point != NULL)
        db->point(name);
}

uint64_t db_round_trips(const struct db *db)
{
    return db->round_trips;
}

static bool connect_if_needed(struct db *db, struct err *err)
{
    int64_t now_us = db->clock->monotonic_us();

    if (db->pg != NULL)
        return true;
    if (db->transaction == TRANSACTION_OPEN)
        return err_set(err, ERR_DOWN, "the transaction's connection is lost");
    if (now_us < db->closed_until_us) {
        err_set(err, ERR_DOWN, "the database was away a moment ago");
        db->may_retry = false;
        return false;
    }
    db->pg = db_connection_open(db->config, db->name, db->clock, err);
    if (db->pg != NULL)
        return true;
    db->closed_until_us = db->clock->monotonic_us() + db->config->database_retry_ms * 1000;
    db->may_retry = false;
    log_error(db->log, LOG_WARN, "database_away", err);
    return false;
}

static void clear_result(void *result)
{
    PQclear(result);
}

/* The result goes with the arena. */
static enum db_rc keep_result(struct arena *arena, PGresult *pg, struct db_result *result, struct err *err)
{
    if (!arena_defer(arena, clear_result, pg)) {
        err_memory(err);
        return DB_FAIL;
    }
    *result = (struct db_result){.pg = pg, .rows = PQntuples(pg)};
    return result->rows > 0 ? DB_ROW : DB_NONE;
}

/*
 * One attempt. *again: it may succeed on a new connection because the old one was dead, or because it lost against
 * another transaction.
 */
static enum db_rc query_once(struct db *db, struct arena *arena, const struct db_statement *call,
                             struct db_result *result, bool *again, struct err *err)
{
    bool old;
    PGresult *pg;

    *again = false;
    if (!connect_if_needed(db, err))
        return DB_FAIL;
    old = db->used;
    switch (db_batch_send(db, call, NULL, &pg, err)) {
    case DB_LOST:
        PQclear(pg);
        disconnect(db);
        *again = old && !db->late;
        db->may_retry = !db->late;
        return DB_FAIL;
    case DB_REFUSED:
        PQclear(pg);
        /* The server shuts down or is no primary any more: a transaction begins anew on another connection. */
        if (db->unfit || PQstatus(db->pg) == CONNECTION_BAD) {
            disconnect(db);
            *again = old;
        } else {
            *again = err->kind == ERR_DOWN && db->may_retry;
        }
        return DB_FAIL;
    case DB_SENT:
        break;
    }
    return keep_result(arena, pg, result, err);
}

static bool waits_for_lock(struct db *db, struct db_lock_wait *wait, struct err *err)
{
    return db_lock_wait(wait, &db->waiting, db->coroutines, db->clock, db->config, err);
}

static enum db_rc query(struct db *db, struct arena *arena, const struct db_statement *call, struct db_result *result,
                        struct err *err)
{
    struct err first = {.kind = ERR_NONE};
    struct db_lock_wait wait = {.times = 0};
    bool alone = db->queued == 0; /* otherwise the statements sent with it would be missing */
    enum db_rc rc;
    bool again;

    *result = (struct db_result){.pg = NULL};
    rc = query_once(db, arena, call, result, &again, &first);
    while (rc == DB_FAIL && alone && db->transaction == TRANSACTION_NONE && waits_for_lock(db, &wait, &first)) {
        err_clear(&first);
        rc = query_once(db, arena, call, result, &again, &first);
    }
    if (rc == DB_FAIL && again && db->transaction == TRANSACTION_NONE) {
        err_clear(&first);
        rc = query_once(db, arena, call, result, &again, &first);
    }
    if (rc == DB_FAIL && err->kind == ERR_NONE)
        *err = first;
    return rc;
}

static bool check(const struct db_call *call, struct err *err)
{
    const struct statement_text *text = &statement_texts[call->statement];

    return db_params_check(call->params, text->parameters, text->name, err);
}

enum db_rc db_query(struct db *db, struct arena *arena, struct db_call call, struct db_result *result, struct err *err)
{
    const struct db_statement statement = {.call = call};

    return check(&call, err) ? query(db, arena, &statement, result, err) : DB_FAIL;
}

enum db_rc db_query_raw(struct db *db, struct arena *arena, struct db_call call, struct db_result *result,
                        struct err *err)
{
    const struct db_statement statement = {.call = call, .raw = true};

    return check(&call, err) ? query(db, arena, &statement, result, err) : DB_FAIL;
}

bool db_query_one(struct db *db, struct arena *arena, struct db_call call, struct db_result *row, struct err *err)
{
    return db_query(db, arena, call, row, err) == DB_ROW ||
           err_set(err, ERR_BUG, "%s: no row", statement_texts[call.statement].name);
}

bool db_ask(struct db *db, struct db_call call)
{
    const struct db_statement statement = {.call = call, .raw = true};
    struct err ignored = {.kind = ERR_NONE}; /* db_query_raw finds it too */

    return check(&call, &ignored) && db_batch_ask(db, &statement);
}

enum db_rc db_answer(struct db *db, struct arena *arena, struct db_result *result)
{
    struct err ignored = {.kind = ERR_NONE}; /* db_query_raw finds it too */
    PGresult *pg;

    *result = (struct db_result){.pg = NULL};
    if (!db->asked)
        return DB_FAIL;
    switch (db_batch_answer(db, &pg, &ignored)) {
    case DB_LOST:
        PQclear(pg);
        disconnect(db);
        return DB_FAIL;
    case DB_REFUSED:
        PQclear(pg);
        if (db->unfit || PQstatus(db->pg) == CONNECTION_BAD)
            disconnect(db);
        return DB_FAIL;
    case DB_SENT:
        break;
    }
    return keep_result(arena, pg, result, &ignored);
}

void db_forget(struct db *db)
{
    struct err ignored = {.kind = ERR_NONE};

    if (!db_batch_forget(db, &ignored))
        disconnect(db);
}

bool db_queue(struct db *db, struct db_call call, struct err *err)
{
    if (!check(&call, err))
        return false;
    if (db->queued == DB_QUEUE_MAX)
        return err_set(err, ERR_BUG, "too many queued statements");
    db->queue[db->queued++] = (struct db_statement){.call = call};
    return true;
}

static bool commit(struct db *db, struct err *err)
{
    PGresult *result;
    enum db_sent rc;

    if (db->transaction == TRANSACTION_PENDING && db->queued == 0)
        return true; /* nothing was asked, nothing is to be committed */
    if (!connect_if_needed(db, err))
        return false;
    pass_point(db, "before-commit");
    rc = db_batch_send(db, NULL, "COMMIT", &result, err);
    PQclear(result);
    if (rc == DB_LOST)
        db->may_retry = !db->late;
    if (rc == DB_LOST || db->unfit)
        disconnect(db);
    if (rc == DB_SENT)
        pass_point(db, "after-commit");
    return rc == DB_SENT;
}

static void roll_back(struct db *db)
{
    struct err ignored = {.kind = ERR_NONE};
    PGresult *result;

    db->queued = 0;
    if (db->transaction == TRANSACTION_OPEN && db->pg != NULL) {
        if (db_batch_send(db, NULL, "ROLLBACK", &result, &ignored) != DB_SENT)
            disconnect(db);
        PQclear(result);
    }
    db_batch_settle(db, false);
    db->transaction = TRANSACTION_NONE;
}

bool db_in_transaction(const struct db *db)
{
    return db->transaction != TRANSACTION_NONE || db->queued > 0;
}

bool db_give_way(struct db *db)
{
    return db_in_transaction(db) || coroutine_wait(db->coroutines, db->clock, -1, 0, db->clock->monotonic_us());
}

bool db_transaction(struct db *db, bool (*work)(struct db *, void *, struct err *), void *arg, struct err *err)
{
    struct db_lock_wait wait = {.times = 0};

    for (int try = 1;; try++) {
        struct err reason = {.kind = ERR_NONE};

        db->transaction = TRANSACTION_PENDING;
        db->may_retry = false;
        if (work(db, arg, &reason) && commit(db, &reason)) {
            db->transaction = TRANSACTION_NONE;
            db_batch_settle(db, true);
            return true;
        }
        roll_back(db);
        if (waits_for_lock(db, &wait, &reason)) {
            try--; /* those attempts are for lost races */
            continue;
        }
        if (!db->may_retry || reason.kind != ERR_DOWN || try == TRANSACTION_TRIES) {
            if (err->kind == ERR_NONE)
                *err = reason;
            return false;
        }
        log_error(db->log, LOG_INFO, "transaction_again", &reason);
    }
}
