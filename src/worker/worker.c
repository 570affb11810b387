/*
 * mayfly-worker: one of many identical processes without data of their own. spawn-fcgi and multiwatch start it with the
 * pool's listening socket on descriptor 0. It talks to nginx through that socket, and to PostgreSQL and memcached when
 * a request needs them. It ends when it is told to, or after a number of requests or a time.
 */
#include "app/services.h"
#include "db/db.h"
#include "store/schema.h"
#include "store/sweep.h"
#include "worker/notify.h"
#include "worker/options.h"
#include "worker/successor.h"
#include "worker/turns.h"

#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /*
     * Connections beside worker_streams_max: those that nginx keeps, `keepalive` for each of its processes, and new
     * ones.
     */
    CONNECTIONS_BESIDE = 2048,
    /* The longest wait: then it checks its age and closes connections whose requests do not arrive. */
    IDLE_MS = 1000,
    /*
     * The time over which kept connections are closed: many times as long as nginx takes to notice that one is closed.
     */
    LET_GO_MS = 250,
    /* While ending: after this time without a request, nginx has noticed that it should use another pool. */
    QUIET_MS = 20,
    /* While ending: the longest time, even when requests keep coming. systemd and ./dev wait 15 s before they kill. */
    DRAIN_MS = 5000,
    /* Uploads and downloads in hand may go on for so long; when the pool leaves, for leave_streams_s. */
    DRAIN_STREAMS_MS = 60000,
    /* The time for requests that began last; no worker of the pool accepts connections meanwhile. */
    LAST_STREAMS_MS = 500,
    /*
     * How long a worker whose time has come waits for a moment at which it may fork, and then until its successor
     * serves.
     */
    ALONE_MS = 10000,
    SUCCESSOR_MS = 10000,
    /* After this time a successor is tried again. Until then the failure is one line in the log. */
    PAUSE_S = 5,
    /*
     * A random part of the limit, up to this one, is subtracted, so that workers that started together do not end
     * together.
     */
    JITTER_PART = 4,
    /* Rows that a worker removes at once. A signal or a single request may have to wait for that. */
    SWEEP_ROWS = 2,
};

struct worker {
    struct successor successor;
    struct services services;
    struct fcgi_server *server;
    struct turns turns;
    int64_t ends_at_us;    /* by age; 0: never */
    int64_t requests_left; /* -1: without limit */
    int64_t sweeps_at_us;
    bool is_sweeping;
};

/* Returns how many requests were new. */
static int64_t take(struct worker *worker, int timeout_ms)
{
    bool any;
    int64_t begun = (int64_t)turns_take(&worker->turns, timeout_ms, &any);

    if (worker->requests_left > 0)
        worker->requests_left -= begun < worker->requests_left ? begun : worker->requests_left;
    return begun;
}

static bool done(const struct worker *worker)
{
    return fcgi_server_stopping(worker->server) != FCGI_RUN || worker->requests_left == 0 ||
           (worker->ends_at_us != 0 && worker->services.clock->monotonic_us() >= worker->ends_at_us);
}

static int64_t now_ms(const struct worker *worker)
{
    return worker->services.clock->monotonic_us() / 1000;
}

/* Otherwise nginx would find one closed connection after the other when many workers end at once. */
static void let_go(struct worker *worker)
{
    int64_t since_ms = now_ms(worker), past_ms = 0;

    fcgi_server_let_go(worker->server, LET_GO_MS);
    /* When the pool leaves, nginx has another pool to go to. */
    while (past_ms < LET_GO_MS && fcgi_server_connections(worker->server) > 0 &&
           fcgi_server_stopping(worker->server) != FCGI_LEAVE) {
        take(worker, (int)(LET_GO_MS - past_ms));
        past_ms = now_ms(worker) - since_ms;
    }
}

/*
 * Requests in hand are answered. The bytes that uploads have sent by the end of their time are kept, and clients
 * continue at another worker.
 */
static void finish_streams(struct worker *worker, int64_t limit_ms)
{
    int64_t since_ms = now_ms(worker), leave_ms = worker->services.config.leave_streams_s * 1000;

    while (turns_wait(&worker->turns) && now_ms(worker) - since_ms < limit_ms) {
        if (fcgi_server_stopping(worker->server) == FCGI_LEAVE && limit_ms > leave_ms)
            limit_ms = leave_ms;
        take(worker, IDLE_MS);
    }
}

/* Kept connections may have requests that nginx sent before it could notice. Later requests go to another worker. */
static void answer_last(struct worker *worker)
{
    int64_t since_ms = now_ms(worker), quiet_since_ms = since_ms;

    while (now_ms(worker) - quiet_since_ms < QUIET_MS && now_ms(worker) - since_ms < DRAIN_MS)
        if (take(worker, QUIET_MS) > 0)
            quiet_since_ms = now_ms(worker);
}

/* From half to one and a half times sweep_every_s, so that workers that started together do not sweep together. */
static void plan_sweep(struct worker *worker)
{
    int64_t every_ms = worker->services.config.sweep_every_s * 1000;

    worker->sweeps_at_us =
        worker->services.clock->monotonic_us() + (every_ms / 2 + random_below((uint32_t)every_ms + 1)) * 1000;
}

/* Runs in a coroutine, so that requests that come meanwhile wait neither for a slow storage nor for a lock. */
static void sweep(void *arg)
{
    struct worker *worker = arg;
    struct services *services = &worker->services;
    struct sweep_result result = {.taken = 0};
    struct err err = {.kind = ERR_NONE};

    db_limit(services->sessions.db, (struct db_limits){.statement_ms = services->config.database_timeout_ms,
                                                       .lock_ms = services->config.database_lock_ms});
    if (!sweep_files(&services->files, SWEEP_ROWS, &result, &err))
        log_error(&services->log, LOG_INFO, "not_swept", &err);
    worker->is_sweeping = false;
    if (result.taken == 0)
        return;
    LOG_EVENT(&services->log, LOG_INFO, "swept", LOG_NUMBER("files", result.removed), LOG_NUMBER("links", result.links),
              LOG_NUMBER("accounts", result.accounts), LOG_NUMBER("app_documents", result.app_documents));
    /* There is more, unless a back end is away. */
    if (result.reason.kind == ERR_NONE && result.taken >= SWEEP_ROWS)
        worker->sweeps_at_us = services->clock->monotonic_us();
}

/*
 * Removes some garbage while there are no requests. A worker without a connection delays no request, since its siblings
 * accept new ones. Where nginx keeps connections, as to the ordinary pools, a worker is hardly ever without one.
 */
static void sweep_when_idle(struct worker *worker)
{
    if (worker->services.config.sweep_every_s == 0 || worker->is_sweeping ||
        fcgi_server_connections(worker->server) > 0 || worker->services.clock->monotonic_us() < worker->sweeps_at_us)
        return;
    plan_sweep(worker);
    worker->is_sweeping = true;
    worker->is_sweeping = turns_do_beside(&worker->turns, sweep, worker) && worker->is_sweeping;
}

/*
 * True: this is the forked process, and its successor serves or has failed. False: there is no successor, and
 * multiwatch starts one when this process has ended. A pool that is told to leave or to recycle needs none.
 */
static bool succeed(struct worker *worker)
{
    int64_t since_ms = now_ms(worker);
    struct err err = {.kind = ERR_NONE};

    while (!turns_are_alone(&worker->turns) && fcgi_server_stopping(worker->server) == FCGI_RUN &&
           now_ms(worker) - since_ms < ALONE_MS)
        take(worker, IDLE_MS);
    if (fcgi_server_stopping(worker->server) != FCGI_RUN || !turns_are_alone(&worker->turns))
        return false;
    services_be_alone(&worker->services);
    if (!successor_begin(&worker->successor, &err)) {
        log_error(&worker->services.log, LOG_WARN, "not_succeeded", &err);
        return false;
    }
    services_forked(&worker->services);
    if (!fcgi_server_forked(worker->server, &err) ||
        !fcgi_server_watch(worker->server, worker->successor.word_fd, &err))
        log_error(&worker->services.log, LOG_ERROR, "not_succeeded", &err);
    since_ms = now_ms(worker);
    while (successor_waits(&worker->successor) && fcgi_server_stopping(worker->server) == FCGI_RUN &&
           now_ms(worker) - since_ms < SUCCESSOR_MS)
        take(worker, IDLE_MS);
    successor_leave(&worker->successor);
    return true;
}

static void worker_loop(struct worker *worker)
{
    plan_sweep(worker);
    while (!done(worker)) {
        if (take(worker, IDLE_MS) == 0)
            sweep_when_idle(worker);
        successor_reap(&worker->successor);
        services_tend(&worker->services);
    }
    if (succeed(worker))
        fcgi_server_stop(worker->server, FCGI_RECYCLE);
    /*
     * It still accepts connections: it may be the only worker of its pool, and another one starts only when it has
     * ended.
     */
    let_go(worker);
    finish_streams(worker, DRAIN_STREAMS_MS);
    fcgi_server_stop(worker->server, FCGI_RECYCLE);
    answer_last(worker);
    finish_streams(worker, worker->turns.admission.count > 0 ? DRAIN_MS : LAST_STREAMS_MS);
}

static int64_t with_jitter(int64_t limit)
{
    return limit > JITTER_PART ? limit - random_below((uint32_t)(limit / JITTER_PART)) : limit;
}

/* Checked before a pool starts. A database that is away is no reason to refuse: requests get 503 until it is back. */
static bool check_schema(struct worker *worker, struct err *err)
{
    struct db *db = worker->services.sessions.db;
    struct schema schema;
    struct arena arena;
    bool known, fits;

    /* The user of --test reads the message; lines of the log would repeat it. */
    worker->services.log.level = LOG_ERROR;
    arena_init(&arena, ARENA_MAX_BYTES);
    known = schema_read(db, &arena, &schema, err);
    fits = known ? schema_reaches(&schema, err) : err->kind == ERR_DOWN;
    if (!known && fits)
        fprintf(stderr, "mayfly-worker: the schema was not checked: %.*s\n", (int)strcspn(err->detail, "\n"),
                err->detail);
    arena_free(&arena);
    return fits;
}

/* Opens connections before it takes over, so that its first requests are as fast as its predecessor's. */
static void connect_early(struct worker *worker)
{
    struct services *services = &worker->services;
    struct err ignored = {.kind = ERR_NONE};
    struct schema schema;
    struct arena arena;

    arena_init(&arena, ARENA_MAX_BYTES);
    (void)!cache_ping(services->sessions.cache, &ignored);
    (void)!schema_read(services->sessions.db, &arena, &schema, &ignored);
    arena_free(&arena);
}

/*
 * Otherwise the first request that wakes a worker would preempt nginx while it sends more, and batches would have one
 * request (sched(7), SCHED_BATCH). The units' sandbox refuses this call, so the units set the policy themselves;
 * another policy is left unchanged.
 */
static void preempt_nobody(void)
{
    const struct sched_param no_priority = {.sched_priority = 0};

    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &no_priority); /* refused: only slower under load */
}

static bool worker_open(struct worker *worker, const struct options *options, struct err *err)
{
    const struct config *config = &worker->services.config;

    /* Made before the objects that wait with them. */
    if (!coroutines_new(&worker->services.coroutines, &clock_system, err) ||
        !(options->no_secret ? services_prepare : services_open)(&worker->services, options->config_path, options->pool,
                                                                 err))
        return false;
    if (options->check_only)
        return services_check(&worker->services, options->config_path, !options->no_secret, err) &&
               check_schema(worker, err);
    if (worker->successor.leaving != 0)
        connect_early(worker);
    if (!fcgi_server_new(&worker->server, worker->services.clock, &worker->services.log,
                         (size_t)config->worker_streams_max + CONNECTIONS_BESIDE, config->request_timeout_ms,
                         config->stream_timeout_ms, err) ||
        !fcgi_server_watch(worker->server, coroutines_fd(worker->services.coroutines), err))
        return false;
    if (!turns_init(&worker->turns, &worker->services, worker->server, err))
        return false;
    preempt_nobody();
    worker->requests_left = config->worker_max_requests > 0 ? with_jitter(config->worker_max_requests) : -1;
    if (config->worker_max_age_s > 0)
        worker->ends_at_us =
            worker->services.clock->monotonic_us() + with_jitter(config->worker_max_age_s * 1000) * 1000;
    return true;
}

static void worker_close(struct worker *worker)
{
    turns_free(&worker->turns);
    fcgi_server_free(worker->server);
    services_close(&worker->services);
    free(worker);
}

static void run(struct worker *worker)
{
    struct err err = {.kind = ERR_NONE};

    if (worker->successor.leaving != 0)
        LOG_EVENT(&worker->services.log, LOG_INFO, "took_over",
                  LOG_NUMBER("predecessor", (int64_t)worker->successor.leaving));
    successor_ready(&worker->successor);
    /* systemd reports it when it waits without success. Requests are answered either way. */
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
    if (worker != NULL)
        successor_take(&worker->successor, argv);
    if (worker == NULL || !worker_open(worker, &options, &err)) {
        fprintf(stderr, "mayfly-worker: %s\n", worker != NULL ? err.detail : "out of memory");
        /*
         * multiwatch starts the next process at once, so without this pause a wrong setting would become a fork loop.
         */
        if (!options.check_only)
            sleep(PAUSE_S);
        if (worker != NULL)
            worker_close(worker);
        return EXIT_FAILURE;
    }
    /*
     * What libpq reads a block into comes from the heap, again and again from the same place; mapping it anew costs a
     * third of a download. What streams hold for longer is mapped (base/block_pool.h), as are the parts of an object
     * storage, which glibc would otherwise learn to keep.
     */
    mallopt(M_MMAP_THRESHOLD, 512 * 1024);
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
    if (options.check_only)
        printf("%s: the configuration is good\n", options.config_path);
    else
        run(worker);
    worker_close(worker);
    return EXIT_SUCCESS;
}
