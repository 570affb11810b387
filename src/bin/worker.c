/*
 * mayfly-worker: one of many identical processes that keep nothing. It is started by spawn-fcgi and multiwatch with the
 * pool's listening socket on descriptor 0, talks to nginx through it, to PostgreSQL and memcached when a request needs
 * them, and ends when it is told to, when it has served enough, or when it is old enough.
 */
#include "app/serve.h"
#include "bin/notify.h"
#include "bin/options.h"
#include "bin/schema.h"
#include "bin/services.h"
#include "http/fcgi.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* What is ready together is served together; more would make the first wait for the last. */
    BATCH_MAX = 32,
    /* Wakes to look at its age and at connections whose requests do not arrive. */
    IDLE_MS = 1000,
    /* While leaving: this long without a request, and nginx knows by now that it should go elsewhere. */
    QUIET_MS = 20,
    /* And no longer than this, however many requests come: systemd and ./dev wait 15 s before they kill. */
    DRAIN_MS = 5000,
    /* What was wrong is looked at again after this; until then it is one line in the log. */
    PAUSE_S = 5,
    /* Up to so much of the limit is taken off by chance, so that workers that started together do not end together. */
    JITTER_PART = 4,
};

struct worker {
    struct services services;
    struct fcgi_server *server;
    struct exchange exchanges[BATCH_MAX];
    int64_t ends_at_us;    /* by age; 0: never */
    int64_t requests_left; /* -1: without limit */
};

static size_t read_body(void *source, void *bytes, size_t size)
{
    return fcgi_read(source, bytes, size);
}

static void respond(struct worker *worker, struct exchange *x, struct fcgi_request *request, const struct err *opened)
{
    struct buf answer;

    if (serve(x, opened, &answer)) {
        if (worker->services.point != NULL)
            worker->services.point("before-answer");
        fcgi_write(request, answer.bytes, answer.length);
    }
    if (!fcgi_finish(request))
        LOG_EVENT(&worker->services.log, LOG_INFO, "client_gone", LOG_TEXT("worker", worker->services.worker));
}

/* Gather what is ready, ask the cache once for all, answer each. False: nothing came. */
static bool serve_batch(struct worker *worker, int timeout_ms)
{
    struct fcgi_request *requests[BATCH_MAX];
    struct exchange *exchanges[BATCH_MAX];
    struct err opened[BATCH_MAX];
    size_t count = fcgi_gather(worker->server, requests, BATCH_MAX, timeout_ms);

    for (size_t i = 0; i < count; i++) {
        const struct body_source body = {.read = read_body, .source = requests[i]};

        err_clear(&opened[i]);
        exchanges[i] = &worker->exchanges[i];
        exchange_open(exchanges[i], &worker->services, fcgi_params(requests[i]), &body, &opened[i]);
    }
    if (count > 0)
        serve_prefetch(exchanges, count);
    for (size_t i = 0; i < count; i++)
        respond(worker, exchanges[i], requests[i], &opened[i]);
    /* Only now: what was prefetched together lives in the first one's memory. */
    for (size_t i = 0; i < count; i++)
        exchange_close(exchanges[i]);
    if (worker->requests_left > 0)
        worker->requests_left -= (int64_t)count < worker->requests_left ? (int64_t)count : worker->requests_left;
    return count > 0;
}

static bool done(const struct worker *worker)
{
    return fcgi_server_stopping(worker->server) != FCGI_RUN || worker->requests_left == 0 ||
           (worker->ends_at_us != 0 && worker->services.clock->monotonic_us() >= worker->ends_at_us);
}

static void worker_loop(struct worker *worker)
{
    const struct clock *clock = worker->services.clock;
    int64_t until_us;

    while (!done(worker))
        serve_batch(worker, IDLE_MS);
    fcgi_server_stop(worker->server, FCGI_RECYCLE);
    /* Kept connections may carry requests that nginx sent before it could know; what comes later goes elsewhere. */
    until_us = clock->monotonic_us() + DRAIN_MS * 1000;
    while (serve_batch(worker, QUIET_MS) && clock->monotonic_us() < until_us)
        continue;
}

static int64_t with_jitter(int64_t limit)
{
    return limit > JITTER_PART ? limit - random_below((uint32_t)(limit / JITTER_PART)) : limit;
}

/* Before a pool starts. A database that is away refuses nothing: it answers 503 until it is back, and heals alone. */
static bool check_schema(struct worker *worker, struct err *err)
{
    struct db *db = worker->services.sessions.db;
    struct operate_schema schema;
    struct arena arena;
    bool known, fits;

    /* Whoever runs this is told in words; the log's lines would only say it twice. */
    worker->services.log.level = LOG_ERROR;
    arena_init(&arena, ARENA_MAX_BYTES);
    known = operate_schema(db, &arena, &schema, err);
    fits = known ? schema_reaches(&schema, err) : err->kind == ERR_DOWN;
    if (!known && fits)
        fprintf(stderr, "mayfly-worker: the schema was not looked at: %.*s\n", (int)strcspn(err->detail, "\n"),
                err->detail);
    arena_free(&arena);
    return fits;
}

static bool worker_open(struct worker *worker, const struct options *options, struct err *err)
{
    const struct config *config = &worker->services.config;

    if (!services_open(&worker->services, options->config_path, options->pool, err))
        return false;
    if (options->check_only)
        return check_schema(worker, err);
    if (!fcgi_server_new(&worker->server, worker->services.clock, &worker->services.log, config->request_timeout_ms,
                         err))
        return false;
    for (size_t i = 0; i < BATCH_MAX; i++)
        arena_init(&worker->exchanges[i].arena, ARENA_MAX_BYTES);
    worker->requests_left = config->worker_max_requests > 0 ? with_jitter(config->worker_max_requests) : -1;
    if (config->worker_max_age_s > 0)
        worker->ends_at_us =
            worker->services.clock->monotonic_us() + with_jitter(config->worker_max_age_s * 1000) * 1000;
    return true;
}

static void worker_close(struct worker *worker)
{
    for (size_t i = 0; i < BATCH_MAX; i++)
        arena_free(&worker->exchanges[i].arena);
    fcgi_server_free(worker->server);
    services_close(&worker->services);
    free(worker);
}

static void run(struct worker *worker)
{
    struct err err = {.kind = ERR_NONE};

    /* Who waits for it in vain says so himself; requests are answered all the same. */
    if (!notify_ready(&err))
        log_error(&worker->services.log, LOG_WARN, "not_notified", &err);
    worker_loop(worker);
}

int main(int argc, char **argv)
{
    struct options options;
    struct err err = {.kind = ERR_NONE};
    struct worker *worker;
    int status = options_read(&options, argc, argv);

    if (status >= 0)
        return status;
    worker = calloc(1, sizeof *worker);
    if (worker == NULL || !worker_open(worker, &options, &err)) {
        fprintf(stderr, "mayfly-worker: %s\n", worker != NULL ? err.detail : "out of memory");
        /* multiwatch starts the next one at once: a wrong setting must not become a fork loop. */
        if (!options.check_only)
            sleep(PAUSE_S);
        return EXIT_FAILURE;
    }
    if (options.check_only)
        printf("%s: the configuration is good\n", options.config_path);
    else
        run(worker);
    worker_close(worker);
    return EXIT_SUCCESS;
}
