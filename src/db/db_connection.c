#include "db/db_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
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
 * hand is no better, and making it costs several times what running it does: sessions have a partition for each week.
 *
 * The formats of values are set too, whatever the database has. Behind PgBouncer neither is sent: the role's own
 * settings (apply.sql) are the same.
 */
static bool settle_session(PGconn *pg, const struct clock *clock, int64_t deadline_us, struct err *err)
{
    PGresult *result;
    bool ok = PQsendQuery(pg, "SET plan_cache_mode = force_generic_plan; SET bytea_output = hex;"
                              "SET standard_conforming_strings = on; SET timezone = 'UTC'") == 1;

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

/* Lists of one entry for each server, as the connection string has them; "" where it says nothing. */
struct servers {
    char host[CONFIG_TEXT_BYTES];
    char address[CONFIG_TEXT_BYTES];
    char port[CONFIG_TEXT_BYTES];
    int count;
};

static int entries(const char *list)
{
    int count = 1;

    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

static void servers_read(const char *database, struct servers *servers)
{
    PQconninfoOption *options = PQconninfoParse(database, NULL);
    const struct {
        const char *keyword;
        char *list;
    } rows[] = {{"host", servers->host}, {"hostaddr", servers->address}, {"port", servers->port}};

    *servers = (struct servers){.count = 1};
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (option->val != NULL && strcmp(option->keyword, rows[i].keyword) == 0)
                snprintf(rows[i].list, CONFIG_TEXT_BYTES, "%s", option->val);
    PQconninfoFree(options);
    servers->count = entries(servers->address[0] != '\0' ? servers->address : servers->host);
    /* Lists of different lengths are left to libpq, which refuses them with its own message. */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (entries(rows[i].list) > 1 && entries(rows[i].list) != servers->count)
            servers->count = 1;
}

/* Keeps of a list the entry at index; one that has a single entry keeps it: it is for all servers. */
static const char *keep_entry(char *list, int index)
{
    if (entries(list) > 1) {
        for (; index > 0; index--)
            list = strchr(list, ',') + 1;
        list[strcspn(list, ",")] = '\0';
    }
    return list[0] != '\0' ? list : NULL;
}

/* Tries one of the servers; index -1: the connection string as it is. */
static PGconn *open_server(const struct config *config, const char *name, const struct servers *servers, int index,
                           const struct clock *clock, int64_t deadline_us, struct err *err)
{
    struct servers one = *servers;
    /* Keywords after dbname override what the connection string says; a standby is never taken for the primary. */
    const char *const keywords[] = {
        "dbname", "application_name", "client_encoding", "target_session_attrs", "host", "hostaddr", "port", NULL};
    const char *const values[] = {config->database,
                                  name,
                                  "UTF8",
                                  "read-write",
                                  index >= 0 ? keep_entry(one.host, index) : NULL,
                                  index >= 0 ? keep_entry(one.address, index) : NULL,
                                  index >= 0 ? keep_entry(one.port, index) : NULL,
                                  NULL};
    PGconn *pg = PQconnectStartParams(keywords, values, 1);

    if (pg == NULL) {
        err_memory(err);
        return NULL;
    }
    if (PQstatus(pg) == CONNECTION_BAD)
        err_set(err, ERR_DOWN, "%s", PQerrorMessage(pg));
    else if (wait_connected(pg, clock, deadline_us, err) &&
             (!config->database_prepare || settle_session(pg, clock, deadline_us, err)) && PQsetnonblocking(pg, 1) == 0)
        return pg;
    err_set(err, ERR_DOWN, "%s", PQerrorMessage(pg));
    PQfinish(pg);
    return NULL;
}

/* libpq would wait for a server that hangs until the common deadline, and not try the next one. */
PGconn *db_connection_open(const struct config *config, const char *name, const struct clock *clock, struct err *err)
{
    int64_t deadline_us = clock->monotonic_us() + config->database_connect_ms * 1000;
    char failures[ERR_DETAIL_BYTES] = "";
    size_t length = 0;
    struct servers servers;
    PGconn *pg = NULL;

    servers_read(config->database, &servers);
    if (servers.count == 1)
        return open_server(config, name, &servers, -1, clock, deadline_us, err);
    for (int i = 0; pg == NULL && i < servers.count; i++) {
        int64_t now_us = clock->monotonic_us();
        struct err failure = {.kind = ERR_NONE};

        pg = open_server(config, name, &servers, i, clock, now_us + (deadline_us - now_us) / (servers.count - i),
                         &failure);
        if (pg == NULL && length < sizeof failures)
            length += (size_t)snprintf(failures + length, sizeof failures - length, "%s%s", i > 0 ? "; " : "",
                                       failure.detail);
    }
    if (pg == NULL)
        err_set(err, ERR_DOWN, "%s", failures);
    return pg;
}

#define CANCELLED "57014"

/* By class (first two) or whole code; the first that fits counts. PostgreSQL 15, appendix A. */
static const struct {
    const char *code;
    enum err_kind kind;
    enum db_again again;
} states[] = {
    {"40001", ERR_DOWN, DB_AGAIN_HERE},      /* serialization failure */
    {"40P01", ERR_DOWN, DB_AGAIN_HERE},      /* deadlock */
    {"25006", ERR_DOWN, DB_AGAIN_ELSEWHERE}, /* read only: the primary became a standby */
    {"57P", ERR_DOWN, DB_AGAIN_ELSEWHERE},   /* shut down, starting up */
    {"08", ERR_DOWN, DB_AGAIN_ELSEWHERE},    /* connection */
    {CANCELLED, ERR_DOWN, DB_AGAIN_NEVER},   /* statement timeout */
    {"55P03", ERR_DOWN, DB_AGAIN_LATER},     /* lock timeout */
    {"53", ERR_DOWN, DB_AGAIN_NEVER},        /* no memory, disk or connection left */
    {"23505", ERR_CONFLICT, DB_AGAIN_NEVER}, {"23514", ERR_VALUE, DB_AGAIN_NEVER},
    {"22P05", ERR_VALUE, DB_AGAIN_NEVER}, /* a character that the database can't hold */
    {"22003", ERR_VALUE, DB_AGAIN_NEVER}, /* a number out of range */
    {"MF401", ERR_LOGIN, DB_AGAIN_NEVER}, /* our own: the session has ended */
};

/*
 * PostgreSQL says 57014 for the time limit of a statement, for pg_cancel_backend, and for a lock timeout that fires
 * while a lock is granted: a statement that then waits for its next lock resets the sign by which the server tells that
 * timeout from a cancellation (ProcSleep). After the time limit another try would take as long again; after the others
 * it may succeed.
 */
static enum db_again try_again(const char *state, enum db_again again, bool in_time)
{
    return in_time && strcmp(state, CANCELLED) == 0 ? DB_AGAIN_LATER : again;
}

enum db_again db_connection_error(const PGresult *result, const char *statement, bool in_time, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (state == NULL) {
        err_set(err, ERR_DOWN, "%s: %s", statement, PQresultErrorMessage(result));
        return DB_AGAIN_ELSEWHERE;
    }
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strncmp(state, states[i].code, strlen(states[i].code)) == 0) {
            enum db_again again = try_again(state, states[i].again, in_time);
            bool first = err->kind == ERR_NONE;

            err_field(err, states[i].kind, constraint != NULL ? constraint : "", "%s: %s (%s)", statement,
                      message != NULL ? message : "", state);
            if (first) {
                err->busy = again == DB_AGAIN_LATER;
                err->is_internal = true;
            }
            return again;
        }
    err_set(err, ERR_BUG, "%s: %s (%s)", statement, message != NULL ? message : "", state);
    return DB_AGAIN_NEVER;
}
