#include "store/db_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

bool db_connection_wait(PGconn *pg, bool for_write, const struct clock *clock, int64_t deadline_us, struct err *err)
{
    struct pollfd socket = {.fd = PQsocket(pg), .events = (short)(for_write ? POLLIN | POLLOUT : POLLIN)};

    for (;;) {
        int64_t left_us = deadline_us - clock->monotonic_us();
        int rc;

        if (left_us <= 0)
            return err_set(err, ERR_DOWN, "the database did not answer in time");
        rc = poll(&socket, 1, (int)(left_us / 1000) + 1);
        if (rc > 0)
            return true;
        if (rc < 0 && errno != EINTR)
            return err_set(err, ERR_DOWN, "poll: %s", strerror(errno));
    }
}

static bool wait_connected(PGconn *pg, const struct clock *clock, int64_t deadline_us, struct err *err)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        struct pollfd socket = {.fd = PQsocket(pg), .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left_us = deadline_us - clock->monotonic_us();

        if (left_us <= 0)
            return err_set(err, ERR_DOWN, "no connection to the database in time");
        if (poll(&socket, 1, (int)(left_us / 1000) + 1) < 0 && errno != EINTR)
            return err_set(err, ERR_DOWN, "poll: %s", strerror(errno));
        if (socket.revents == 0)
            continue;
        status = PQconnectPoll(pg);
        if (status == PGRES_POLLING_FAILED)
            return err_set(err, ERR_DOWN, "%s", PQerrorMessage(pg));
    }
    return true;
}

/*
 * Prepared statements keep one plan for all values. Our statements find rows by their keys, so a plan for the values at
 * hand is no better, and making it costs several times what running it does: sessions have a partition for each day.
 */
static bool keep_plans(PGconn *pg, const struct clock *clock, int64_t deadline_us, struct err *err)
{
    PGresult *result;
    bool ok = PQsendQuery(pg, "SET plan_cache_mode = force_generic_plan") == 1;

    while (ok && PQisBusy(pg)) {
        if (!db_connection_wait(pg, false, clock, deadline_us, err))
            return false;
        ok = PQconsumeInput(pg) == 1;
    }
    while (ok && (result = PQgetResult(pg)) != NULL) {
        ok = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    return ok || err_set(err, ERR_DOWN, "%s", PQerrorMessage(pg));
}

PGconn *db_connection_open(const struct config *config, const struct clock *clock, struct err *err)
{
    /* Keywords after dbname override what the connection string says; a standby is never taken for the primary. */
    const char *const keywords[] = {"dbname", "application_name", "client_encoding", "target_session_attrs", NULL};
    const char *const values[] = {config->database, "mayfly", "UTF8", "read-write", NULL};
    int64_t deadline_us = clock->monotonic_us() + config->database_connect_ms * 1000;
    PGconn *pg = PQconnectStartParams(keywords, values, 1);

    if (pg == NULL) {
        err_memory(err);
        return NULL;
    }
    if (PQstatus(pg) == CONNECTION_BAD)
        err_set(err, ERR_DOWN, "%s", PQerrorMessage(pg));
    else if (wait_connected(pg, clock, deadline_us, err) &&
             (!config->database_prepare || keep_plans(pg, clock, deadline_us, err)) && PQsetnonblocking(pg, 1) == 0)
        return pg;
    err_set(err, ERR_DOWN, "%s", PQerrorMessage(pg));
    PQfinish(pg);
    return NULL;
}

/* By class (first two) or whole code; the first that fits counts. PostgreSQL 15, appendix A. */
static const struct {
    const char *code;
    enum err_kind kind;
    bool retry;
} states[] = {
    {"40001", ERR_DOWN, true},  /* serialization failure */
    {"40P01", ERR_DOWN, true},  /* deadlock */
    {"25006", ERR_DOWN, true},  /* read only: the primary became a standby */
    {"57P", ERR_DOWN, true},    /* shut down, starting up */
    {"08", ERR_DOWN, true},     /* connection */
    {"57014", ERR_DOWN, false}, /* statement timeout */
    {"55P03", ERR_DOWN, false}, /* lock timeout */
    {"53", ERR_DOWN, false},    /* no memory, disk or connection left */
    {"23505", ERR_CONFLICT, false}, {"23514", ERR_VALUE, false},
    {"22P05", ERR_VALUE, false}, /* a character that the database can't hold */
    {"22003", ERR_VALUE, false}, /* a number out of range */
};

bool db_connection_error(const PGresult *result, const char *statement, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (state == NULL)
        return !err_set(err, ERR_DOWN, "%s: %s", statement, PQresultErrorMessage(result));
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strncmp(state, states[i].code, strlen(states[i].code)) == 0) {
            err_field(err, states[i].kind, constraint != NULL ? constraint : "", "%s: %s (%s)", statement,
                      message != NULL ? message : "", state);
            return states[i].retry;
        }
    err_set(err, ERR_BUG, "%s: %s (%s)", statement, message != NULL ? message : "", state);
    return false;
}
