#include "worker/turns.h"

#include "worker/body_memory.h"
#include "worker/password_queue.h"
#include "worker/stint.h"
#include "worker/turn_step.h"

#include <string.h>

/*
 * Streams that are ready together are continued for so long before others have their turn: new connections, and
 * requests that have waited for a child, a storage or a lock. A thousand streams may be ready: with one new connection
 * in each round of TURNS_BATCH_MAX, a small download waited 6 s beside 800 slow readers, and an upload waited for whole
 * rounds when its file's type was found (t/5850).
 */
enum { STREAMS_US = 5000 };

/*
 * The time that the turns of one account get in one gathering; its further turns wait for a later one. A turn can't be
 * interrupted: one that reads a block of a file takes 1 to 10 ms. Without this limit 60 readings of CSV made another
 * account's download of 5 MB take 20 s.
 */
enum { ACCOUNT_US = 2000 };

struct account_time {
    unsigned char share[SHARE_KEY_BYTES];
    int64_t spent_us;
};

static size_t read_body(void *source, void *bytes, size_t size)
{
    return fcgi_read(source, bytes, size);
}

static struct turn *open_turn(struct turns *turns, struct fcgi_request *request, struct err *opened)
{
    const struct body_source body = {.read = read_body, .source = request};
    struct turn *turn = turn_take(turns, request);

    err_clear(opened);
    if (turn != NULL)
        exchange_open(&turn->exchange, turns->services, fcgi_params(request), &body, opened);
    return turn;
}

/* Serves new requests: asks the cache once for all of them, then answers each. */
static void begin_batch(struct turns *turns, struct fcgi_request *const *requests, size_t count)
{
    struct turn *batch[TURNS_BATCH_MAX];
    struct exchange *exchanges[TURNS_BATCH_MAX];
    struct err opened[TURNS_BATCH_MAX];
    bool over[TURNS_BATCH_MAX];
    struct log_lines lines;
    size_t now = 0;

    for (size_t i = 0; i < count; i++) {
        struct turn *turn = open_turn(turns, requests[i], &opened[now]);

        if (turn == NULL) {
            fcgi_abandon(requests[i], "there is no memory for a request");
        } else if (opened[now].kind == ERR_NONE && turn->exchange.request.queue[0] != '\0') {
            password_queue_put(turns, turn);
        } else {
            batch[now] = turn;
            exchanges[now++] = &turn->exchange;
        }
    }
    /* The line of a request that came alone is written before its answer. */
    if (now > 1)
        log_gather(&turns->services->log, &lines);
    if (now > 0)
        serve_prefetch(exchanges, opened, now);
    for (size_t i = 0; i < now; i++)
        over[i] = turn_get_on(turns, batch[i], &opened[i]);
    if (now > 1)
        log_flush(&turns->services->log);
    /* Freed after the batch, since prefetched data lives in the memory of its first request. */
    for (size_t i = 0; i < now; i++)
        if (over[i])
            turn_release(turns, batch[i]);
}

static void go_on_once(struct turns *turns, struct turn *turn)
{
    turns->streams--;
    if (turn_get_on(turns, turn, NULL))
        turn_release(turns, turn);
}

/* Turns for which there is memory now. */
static void serve_line(struct turns *turns)
{
    for (size_t count = 0; count < TURNS_BATCH_MAX && body_memory_is_due(turns); count++) {
        struct turn *turn = body_memory_next(turns);

        if (turn == NULL)
            return;
        fcgi_resume(turn->request);
        turn->waits = false;
        go_on_once(turns, turn);
    }
}

/* What the turn's account has spent of this gathering; zero for a new one. There is room for TURNS_BATCH_MAX. */
static struct account_time *find_time(struct account_time *times, size_t *count, const struct turn *turn)
{
    size_t at = 0;

    while (at < *count && memcmp(times[at].share, turn->share, sizeof turn->share) != 0)
        at++;
    if (at == *count) {
        memcpy(times[at].share, turn->share, sizeof turn->share);
        times[at].spent_us = 0;
        ++*count;
    }
    return &times[at];
}

/*
 * A thousand streams may be ready at once. A request that comes meanwhile, or that goes on when a child, a storage or a
 * lock has answered it, does not wait for all of them.
 */
static void go_on_with(struct turns *turns, struct turn *const *waiting, size_t count, size_t *begun)
{
    const struct clock *clock = turns->services->clock;
    int64_t since_us = clock->monotonic_us(), before_us = since_us, now_us;
    struct account_time times[TURNS_BATCH_MAX];
    size_t accounts = 0;

    for (size_t i = 0; i < count; i++, before_us = now_us) {
        struct turn *turn = waiting[i];
        struct account_time *account = turn->shared ? find_time(times, &accounts, turn) : NULL;
        struct fcgi_request *fresh[TURNS_BATCH_MAX];
        size_t fresh_count = 0;

        now_us = before_us;
        if (account != NULL && account->spent_us >= ACCOUNT_US) {
            fcgi_put_back(turn->request);
            continue;
        }
        turn->waits = false;
        turn_read_no_more(turns, turn);
        go_on_once(turns, turn);
        now_us = clock->monotonic_us();
        if (account != NULL)
            account->spent_us += now_us - before_us;
        if (now_us - since_us < STREAMS_US)
            continue;
        if (turns->streams < turns_streams_max(turns))
            fresh_count = fcgi_gather_new(turns->server, fresh, TURNS_BATCH_MAX);
        if (fresh_count > 0)
            begin_batch(turns, fresh, fresh_count);
        *begun += fresh_count;
        stints_go_on(turns);
        since_us = now_us = clock->monotonic_us();
    }
}

/* Returns how many were ready; adds to *begun those that were new. */
static size_t take_ready(struct turns *turns, int timeout_ms, size_t *begun)
{
    struct fcgi_request *requests[TURNS_BATCH_MAX], *fresh[TURNS_BATCH_MAX];
    struct turn *waiting[TURNS_BATCH_MAX];
    size_t count, fresh_count = 0, continued = 0;

    fcgi_server_pause(turns->server, turns->streams >= turns_streams_max(turns));
    count = fcgi_gather(turns->server, requests, TURNS_BATCH_MAX, timeout_ms);
    for (size_t i = 0; i < count; i++) {
        struct turn *turn = fcgi_context(requests[i]);

        if (turn == NULL) {
            fresh[fresh_count++] = requests[i];
        } else if (turn->queued) {
            password_queue_leave(turns, turn);
        } else {
            waiting[continued++] = turn;
        }
    }
    /* New requests come first, since most of them take little time. */
    if (fresh_count > 0)
        begin_batch(turns, fresh, fresh_count);
    go_on_with(turns, waiting, continued, begun);
    body_memory_let_go(turns);
    *begun += fresh_count;
    return count;
}

size_t turns_take(struct turns *turns, int timeout_ms, bool *any)
{
    size_t begun = 0;
    bool waiting = turns->admission.count > 0 || body_memory_is_due(turns);

    timeout_ms = waiting ? 0 : coroutines_timeout_ms(turns->services->coroutines, timeout_ms);
    *any = take_ready(turns, timeout_ms, &begun) > 0 || waiting;
    /*
     * The socket's queue does not order requests by address, so requests are taken from it between two passwords: as
     * many as wait here already, and not all, so that workers of the pool that become free find some too.
     */
    for (size_t more = turns->admission.count; more > 0 && take_ready(turns, 0, &begun) > 0; more--)
        ;
    password_queue_serve(turns);
    if (stints_go_on(turns) > 0)
        *any = true;
    serve_line(turns);
    /* Lines of the log until the next request belong to no request. */
    turns->services->log.trace = NULL;
    statsd_flush(&turns->services->statsd);
    return begun;
}
