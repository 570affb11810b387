#define STATEMENTS_DEFINE
#include "db/db.h"

#include "base/bytes.h"
#include "db/db_connection.h"
#include "db/db_lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* BEGIN, limits, five queued statements and one more, each with a preparation before it. */
    BATCH_MAX = 16,
    QUEUE_MAX = 5,
    PARAMETERS_MAX = 16,
    TRANSACTION_TRIES = 4,
    /* PostgreSQL ends a statement that takes too long; only when it does not, the connection is given up. */
    GRACE_MS = 250,
};

/* A statement with what it is run with; all is borrowed. */
struct call {
    enum statement statement;
    const char *const *values;
    const struct db_bytes *bytes; /* NULL: none */
    bool raw;                     /* the result's columns are wanted as they are */
};

/* What is answered by each result of a batch, in order. */
enum step_kind { STEP_COMMAND, STEP_PREPARE, STEP_STATEMENT };

struct step {
    enum step_kind kind;
    enum statement statement;
};

enum transaction_state { TRANSACTION_NONE, TRANSACTION_PENDING, TRANSACTION_OPEN };

struct db {
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    void (*point)(const char *name);
    char name[DB_NAME_BYTES];
    PGconn *pg;
    bool used; /* the connection has answered at least once, so its loss may be an old one */
    bool prepared[STATEMENT_COUNT];
    enum transaction_state transaction;
    struct coroutines *coroutines;
    struct db_limits limits;
    struct db_limits told; /* what the connection has been told; 0: nothing that counts */
    bool told_just_now;    /* in what may still fail, which would take it back */
    struct call queue[QUEUE_MAX];
    size_t queued;
    int64_t closed_until_us; /* after a failed connection: do not try before */
    bool may_retry;          /* the last failure may pass when everything is run again */
    bool unfit;              /* the last failure says that this is not the primary, or not for long */
    bool late;               /* the last round trip passed its deadline: trying again would only double the wait */
    uint64_t round_trips;
};

/* At a connection libpq's complaint would look like a server that is away. */
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
    db->told = (struct db_limits){0};
    db->told_just_now = false;
    memset(db->prepared, 0, sizeof db->prepared);
}

void db_free(struct db *db)
{
    if (db == NULL)
        return;
    disconnect(db);
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

/* A batch is written into libpq's buffer step by step, then sent and answered as one. */
struct batch {
    struct step steps[BATCH_MAX];
    size_t count;
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

static bool add_call(struct db *db, struct batch *batch, const struct call *call)
{
    const struct statement_text *text = &statement_texts[call->statement];
    const char *values[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX] = {0}, formats[PARAMETERS_MAX] = {0};
    int format = call->raw ? 1 : 0;

    if (text->parameters > 0)
        memcpy(values, call->values, (size_t)text->parameters * sizeof *values);
    if (call->bytes != NULL) {
        int at = call->bytes->parameter - 1;

        values[at] = call->bytes->bytes;
        lengths[at] = (int)call->bytes->length;
        formats[at] = 1;
    }
    if (!db->config->database_prepare) {
        batch->steps[batch->count++] = (struct step){STEP_STATEMENT, call->statement};
        return PQsendQueryParams(db->pg, text->sql, text->parameters, NULL, values, lengths, formats, format) == 1;
    }
    if (!is_prepared(db, batch, call->statement)) {
        batch->steps[batch->count++] = (struct step){STEP_PREPARE, call->statement};
        if (PQsendPrepare(db->pg, text->name, text->sql, 0, NULL) != 1)
            return false;
    }
    batch->steps[batch->count++] = (struct step){STEP_STATEMENT, call->statement};
    return PQsendQueryPrepared(db->pg, text->name, text->parameters, values, lengths, formats, format) == 1;
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
static bool read_answers(struct db *db, const struct batch *batch, int64_t deadline_us, PGresult **last, bool *lost,
                         struct err *err)
{
    size_t step = 0;
    bool ok = true;

    *last = NULL;
    for (;;) {
        bool readable;
        PGresult *result = next_result(db, deadline_us, &readable, err);
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

            enum db_again again = db_connection_error(
                result, named ? statement_texts[batch->steps[step].statement].name : "command", err);

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
 * Limits travel with what they are for. A connection of our own keeps them, so they are told when they change; behind
 * PgBouncer each transaction may have another connection, so each begins with them.
 */
static bool add_limits(struct db *db, struct batch *batch)
{
    char statement[24], lock[24];
    bool own = db->config->database_prepare;
    const char *const values[] = {statement, lock, own ? "false" : "true"};
    const struct call call = {.statement = STATEMENT_LIMITS_SET, .values = values};

    if (own ? db->told.statement_ms == db->limits.statement_ms && db->told.lock_ms == db->limits.lock_ms
            : db->transaction == TRANSACTION_OPEN)
        return true;
    snprintf(statement, sizeof statement, "%lld", (long long)db->limits.statement_ms);
    snprintf(lock, sizeof lock, "%lld", (long long)db->limits.lock_ms);
    db->told = db->limits;
    db->told_just_now = true;
    return add_call(db, batch, &call);
}

static void settle_limits(struct db *db, bool ok)
{
    if (db->told_just_now && !ok)
        db->told = (struct db_limits){0};
    db->told_just_now = false;
}

enum send_rc { SEND_OK, SEND_REFUSED, SEND_LOST };

/* Sends everything that waits, then call or command, in one round trip. */
static enum send_rc send_batch(struct db *db, const struct call *call, const char *command, PGresult **resultp,
                               struct err *err)
{
    int64_t deadline_us = db->clock->monotonic_us() + (db->limits.statement_ms + GRACE_MS) * 1000;
    struct batch batch = {.count = 0};
    bool lost = false;
    bool ok = PQenterPipelineMode(db->pg) == 1;

    *resultp = NULL;
    db->unfit = false;
    if (db->transaction == TRANSACTION_PENDING)
        ok = ok && add_command(db, &batch, "BEGIN");
    ok = ok && add_limits(db, &batch);
    for (size_t i = 0; i < db->queued; i++)
        ok = ok && add_call(db, &batch, &db->queue[i]);
    db->queued = 0;
    if (call != NULL)
        ok = ok && add_call(db, &batch, call);
    if (command != NULL)
        ok = ok && add_command(db, &batch, command);
    ok = ok && PQpipelineSync(db->pg) == 1;
    if (!ok || !flush(db, deadline_us, err)) {
        err_set(err, ERR_DOWN, "%s", PQerrorMessage(db->pg));
        db->late = db->clock->monotonic_us() >= deadline_us;
        return SEND_LOST;
    }
    db->round_trips++;
    if (db->transaction == TRANSACTION_PENDING)
        db->transaction = TRANSACTION_OPEN;
    ok = read_answers(db, &batch, deadline_us, resultp, &lost, err);
    db->late = lost && db->clock->monotonic_us() >= deadline_us;
    if (lost || PQexitPipelineMode(db->pg) != 1)
        return SEND_LOST;
    db->used = true;
    if (db->transaction == TRANSACTION_NONE || !ok)
        settle_limits(db, ok);
    return ok ? SEND_OK : SEND_REFUSED;
}

static void clear_result(void *result)
{
    PQclear(result);
}

/* One attempt; *again: the connection was an old one that had died, so a new one may do, or chance was against us. */
static enum db_rc query_once(struct db *db, struct arena *arena, const struct call *call, struct db_result *result,
                             bool *again, struct err *err)
{
    bool old;
    PGresult *pg;

    *again = false;
    if (!connect_if_needed(db, err))
        return DB_FAIL;
    old = db->used;
    switch (send_batch(db, call, NULL, &pg, err)) {
    case SEND_LOST:
        PQclear(pg);
        disconnect(db);
        *again = old && !db->late;
        db->may_retry = !db->late;
        return DB_FAIL;
    case SEND_REFUSED:
        PQclear(pg);
        /* The server said that it goes away, or that it is no primary any more: a transaction too begins anew elsewhere. */
        if (db->unfit || PQstatus(db->pg) == CONNECTION_BAD) {
            disconnect(db);
            *again = old;
        } else {
            *again = err->kind == ERR_DOWN && db->may_retry;
        }
        return DB_FAIL;
    case SEND_OK:
        break;
    }
    if (!arena_defer(arena, clear_result, pg)) {
        err_memory(err);
        return DB_FAIL;
    }
    *result = (struct db_result){.pg = pg, .rows = PQntuples(pg)};
    return result->rows > 0 ? DB_ROW : DB_NONE;
}

static bool waits_for_lock(struct db *db, struct db_lock_wait *wait, struct err *err)
{
    return db_lock_wait(wait, db->coroutines, db->clock, db->config->database_patience_ms, err);
}

static enum db_rc query(struct db *db, struct arena *arena, const struct call *call, struct db_result *result,
                        struct err *err)
{
    struct err first = {.kind = ERR_NONE};
    struct db_lock_wait wait = {.times = 0};
    bool alone = db->queued == 0; /* else what was sent with it would be missing */
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

enum db_rc db_query(struct db *db, struct arena *arena, enum statement statement, const char *const *values,
                    struct db_result *result, struct err *err)
{
    const struct call call = {.statement = statement, .values = values};

    return query(db, arena, &call, result, err);
}

enum db_rc db_query_raw(struct db *db, struct arena *arena, enum statement statement, const char *const *values,
                        struct db_result *result, struct err *err)
{
    const struct call call = {.statement = statement, .values = values, .raw = true};

    return query(db, arena, &call, result, err);
}

enum db_rc db_query_by_id(struct db *db, struct arena *arena, enum statement statement, const struct uuid *id,
                          const char **values, struct db_result *result, struct err *err)
{
    const char *only[1];
    char text[UUID_TEXT_BYTES];
    enum db_rc rc;

    if (values == NULL)
        values = only;
    uuid_format(id, text);
    values[0] = text;
    rc = db_query(db, arena, statement, values, result, err);
    values[0] = NULL;
    return rc;
}

bool db_queue(struct db *db, enum statement statement, const char *const *values, struct err *err)
{
    return db_queue_bytes(db, statement, values, NULL, err);
}

bool db_queue_bytes(struct db *db, enum statement statement, const char *const *values, const struct db_bytes *bytes,
                    struct err *err)
{
    if (db->queued == QUEUE_MAX)
        return err_set(err, ERR_BUG, "too many queued statements");
    db->queue[db->queued++] = (struct call){.statement = statement, .values = values, .bytes = bytes};
    return true;
}

static bool commit(struct db *db, struct err *err)
{
    PGresult *result;
    enum send_rc rc;

    if (db->transaction == TRANSACTION_PENDING && db->queued == 0)
        return true; /* nothing was asked, nothing is to be committed */
    if (!connect_if_needed(db, err))
        return false;
    pass_point(db, "before-commit");
    rc = send_batch(db, NULL, "COMMIT", &result, err);
    PQclear(result);
    if (rc == SEND_LOST)
        db->may_retry = !db->late;
    if (rc == SEND_LOST || db->unfit)
        disconnect(db);
    if (rc == SEND_OK)
        pass_point(db, "after-commit");
    return rc == SEND_OK;
}

static void roll_back(struct db *db)
{
    struct err ignored = {.kind = ERR_NONE};
    PGresult *result;

    db->queued = 0;
    if (db->transaction == TRANSACTION_OPEN && db->pg != NULL) {
        if (send_batch(db, NULL, "ROLLBACK", &result, &ignored) != SEND_OK)
            disconnect(db);
        PQclear(result);
    }
    settle_limits(db, false);
    db->transaction = TRANSACTION_NONE;
}

bool db_in_transaction(const struct db *db)
{
    return db->transaction != TRANSACTION_NONE || db->queued > 0;
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
            settle_limits(db, true);
            return true;
        }
        roll_back(db);
        if (waits_for_lock(db, &wait, &reason)) {
            try--; /* those are for what chance was against */
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

const char *db_value(const struct db_result *result, int row, int column)
{
    return PQgetvalue(result->pg, row, column);
}

const void *db_raw(const struct db_result *result, int row, int column, size_t *length)
{
    *length = (size_t)PQgetlength(result->pg, row, column);
    return PQgetvalue(result->pg, row, column);
}

bool db_is_null(const struct db_result *result, int row, int column)
{
    return PQgetisnull(result->pg, row, column) != 0;
}

int64_t db_number(const struct db_result *result, int row, int column)
{
    return strtoll(PQgetvalue(result->pg, row, column), NULL, 10);
}

bool db_flag(const struct db_result *result, int row, int column)
{
    return PQgetvalue(result->pg, row, column)[0] == 't';
}

char *db_bytes(struct arena *arena, const void *bytes, size_t length)
{
    char *text = arena_alloc(arena, 2 + HEX_TEXT_BYTES(length));

    if (text == NULL)
        return NULL;
    memcpy(text, "\\x", 2);
    bytes_to_hex(bytes, length, text + 2);
    return text;
}

unsigned char *db_parse_bytes(struct arena *arena, const char *text, size_t *length)
{
    size_t digits = strlen(text);
    unsigned char *bytes;

    *length = 0;
    if (digits < 2 || strncmp(text, "\\x", 2) != 0)
        return NULL;
    bytes = arena_alloc(arena, digits / 2); /* at least one byte */
    if (bytes == NULL || !bytes_from_hex(text + 2, digits - 2, bytes, digits / 2 - 1))
        return NULL;
    *length = digits / 2 - 1;
    return bytes;
}
