#include "bin/turns.h"

#include "bin/body_memory.h"
#include "bin/stint.h"
#include "bin/turn.h"

#include <stddef.h>
#include <string.h>

enum {
    /* A reader that takes whatever it gets has this many pieces of its answer in one turn. */
    PIECES_PER_TURN = 4,
    /* A stream that would have to wait, while as many wait as may, tries again after this. */
    PUT_OFF_MS = 20,
};

/* Streams that are ready together are gone on with for so long before it is looked whether somebody new has come. */
enum { STREAMS_US = 5000 };

static void client_gone(struct turns *turns)
{
    log_event(&turns->services->log, LOG_INFO, "client_gone", NULL, 0);
}

/* Puts a turn aside until its connection is ready. It keeps its exchange, also when it had been put aside before. */
static void wait_for(struct turns *turns, struct turn *turn, enum fcgi_wait wait)
{
    turns->streams++;
    turn->waits = true;
    fcgi_wait(turn->request, wait, turn);
}

static void wait_ms(struct turns *turns, struct turn *turn, int64_t ms)
{
    turns->streams++;
    turn->waits = true;
    fcgi_wait_ms(turn->request, ms, turn);
}

/*
 * A few readers may each hold a piece of which the socket took a part, and a few senders room for a block. Of many none does: each
 * reads when all of a piece is taken, and gives back what is empty.
 */
static bool is_crowded(const struct turns *turns)
{
    return turns->streams >= TURNS_READ_AHEAD_MAX;
}

/* All that was read is sent, or still to be sent: what is left of the block stays while others do not need its place. */
static void wait_for_room(struct turns *turns, struct turn *turn)
{
    turn_read_ahead(turns, turn);
    while (turns->readers_count > TURNS_READ_AHEAD_MAX) {
        struct turn *longest = TAILQ_FIRST(&turns->readers);

        turn_read_no_more(turns, longest);
        serve_rest(&longest->exchange);
    }
    wait_for(turns, turn, FCGI_WAIT_ROOM);
}

/* False: it waits for its next turn and must be kept. Who can't be waited for any more is let go: its peer takes nothing. */
static bool send_pieces(struct turns *turns, struct turn *turn)
{
    struct exchange *x = &turn->exchange;

    for (int pieces = 0;; pieces++) {
        const void *bytes;
        size_t length;
        bool last;
        enum fcgi_sent sent = fcgi_send(turn->request);

        if (sent == FCGI_SENT_PART && turns->streams < turns_streams_max(turns)) {
            wait_for(turns, turn, x->source != NULL ? FCGI_WAIT_ROOM : FCGI_WAIT_TAKEN);
            return false;
        }
        if (sent != FCGI_SENT_ALL) {
            client_gone(turns);
            fcgi_abandon(turn->request, "the peer takes no answer");
            return true;
        }
        if (x->answer_left <= 0) {
            fcgi_sent_all(turn->request);
            return true;
        }
        if (pieces == PIECES_PER_TURN || (is_crowded(turns) && !fcgi_has_room(turn->request))) {
            wait_for_room(turns, turn);
            return false;
        }
        if (!serve_next(x, &bytes, &length, &last)) {
            fcgi_abandon(turn->request, "the answer is cut off");
            return true;
        }
        fcgi_piece(turn->request, bytes, length, last);
    }
}

static void pass_point(struct turns *turns, const char *name)
{
    if (turns->services->point != NULL)
        turns->services->point(name);
}

static bool answer(struct turns *turns, struct turn *turn, enum serving serving, const struct buf *bytes)
{
    switch (serving) {
    case SERVING_PIECES:
        fcgi_piece(turn->request, bytes->bytes, bytes->length, false);
        return send_pieces(turns, turn);
    case SERVING_ANSWER:
        pass_point(turns, "before-answer");
        turn->exchange.answer_left = 0; /* all there is; a HEAD has no more */
        fcgi_piece(turn->request, bytes->bytes, bytes->length, true);
        return send_pieces(turns, turn);
    case SERVING_NOTHING:
    case SERVING_BODY:
    case SERVING_JOB:
        fcgi_abandon(turn->request, "there is no answer");
        break;
    }
    return true;
}

static enum fcgi_body_state take_slices(struct turns *turns, struct turn *turn)
{
    struct exchange *x = &turn->exchange;
    enum fcgi_body_state state;
    struct slices slices;

    slices_begin(&slices, &turns->spare);
    state = fcgi_take_body(turn->request, slices_add, &slices);
    turn->body_bytes += (int64_t)slices.length;
    if (slices.lost && x->failure.kind == ERR_NONE)
        err_memory(&x->failure);
    if (slices.length > 0)
        serve_take(x, slices.bytes, slices.length);
    slices_end(&slices, &turns->spare);
    return state;
}

/* A body that would hold its place for next to nothing. Readers need no such look: nginx takes 16 KiB of an answer at a time. */
static bool too_slow(const struct turns *turns, const struct turn *turn)
{
    const struct config *config = &turns->services->config;
    int64_t past_us = turns->services->clock->monotonic_us() - turn->exchange.started_us;

    return past_us > config->stream_grace_s * 1000000 &&
           turn->body_bytes < config->stream_least_bytes_s * (past_us / 1000000);
}

static bool take_body(struct turns *, struct turn *);

static bool step(struct turns *turns, struct turn *turn)
{
    struct exchange *x = &turn->exchange;
    enum serving serving;
    struct buf bytes;

    if (fcgi_gone(turn->request)) {
        serve_quit(x);
        client_gone(turns);
        fcgi_abandon(turn->request, "the peer has gone");
        return true;
    }
    serving = serve_step(x, &bytes);
    if (serving == SERVING_BODY)
        return take_body(turns, turn);
    if (serving != SERVING_JOB)
        return answer(turns, turn, serving, &bytes);
    if (x->pause_ms == 0)
        wait_for(turns, turn, FCGI_WAIT_ROOM);
    else
        wait_ms(turns, turn, x->pause_ms);
    return false;
}

/* The body stays unread meanwhile. Who was in the line already has waited for long enough, or for nobody. */
static bool wait_for_memory(struct turns *turns, struct turn *turn)
{
    int64_t patience_ms = turns->services->config.worker_stream_patience_ms;
    struct exchange *x = &turn->exchange;
    struct err err = {.kind = ERR_NONE};
    struct buf bytes;

    if (!turn->is_in_line) {
        body_memory_wait(turns, turn);
        wait_ms(turns, turn, patience_ms);
        return false;
    }
    /* To end it may take a wait for a lock, and nobody gets its turn twice. */
    body_memory_leave(turns, turn);
    if (fcgi_gone(turn->request)) {
        (void)!serve_end(x, false, &bytes);
        client_gone(turns);
        fcgi_abandon(turn->request, "the peer has gone");
        return true;
    }
    err_set(&err, ERR_DOWN, "no memory for a body within %lld ms", (long long)patience_ms);
    return answer(turns, turn, serve_refuse(x, &err, &bytes), &bytes);
}

static bool take_body(struct turns *turns, struct turn *turn)
{
    struct exchange *x = &turn->exchange;
    enum fcgi_body_state state;
    enum serving serving;
    struct buf bytes;
    bool waits;

    if (!body_memory_take(turns, turn))
        return wait_for_memory(turns, turn);
    state = take_slices(turns, turn);
    waits = state == FCGI_BODY_MORE && x->failure.kind == ERR_NONE;
    if (waits && !too_slow(turns, turn)) {
        turn_note_held(turns, turn, x->sink->holds != NULL ? x->sink->holds(x) : 0);
        if (is_crowded(turns))
            turn_rest(turns, turn);
        wait_for(turns, turn, FCGI_WAIT_BODY);
        return false;
    }
    serving = serve_end(x, state == FCGI_BODY_END, &bytes);
    if (serving == SERVING_JOB)
        return step(turns, turn);
    if (!waits && state != FCGI_BODY_CUT)
        return answer(turns, turn, serving, &bytes);
    if (waits)
        LOG_EVENT(&turns->services->log, LOG_INFO, "too_slow", LOG_NUMBER("bytes", turn->body_bytes));
    else
        client_gone(turns);
    fcgi_abandon(turn->request, waits ? "the body is too slow" : "the body is cut off");
    return true;
}

static bool begin(struct turns *turns, struct turn *turn, const struct err *opened)
{
    struct exchange *x = &turn->exchange;
    struct err err = {.kind = ERR_NONE};
    struct buf bytes;
    enum serving serving = serve(x, opened, &bytes);

    if ((serving == SERVING_BODY || serving == SERVING_PIECES || serving == SERVING_JOB) &&
        !turn_admit(turns, turn, &err))
        serving = serve_refuse(x, &err, &bytes);
    if (serving == SERVING_JOB)
        return step(turns, turn);
    return serving == SERVING_BODY ? take_body(turns, turn) : answer(turns, turn, serving, &bytes);
}

static bool go_on(struct turns *turns, struct turn *turn)
{
    if (turn->exchange.job != NULL)
        return step(turns, turn);
    return turn->exchange.sink != NULL ? take_body(turns, turn) : send_pieces(turns, turn);
}

/* A request begins, when opened is there, or goes on. True: it has ended; else it is kept. */
static bool get_on_here(struct turns *turns, struct turn *turn, const struct err *opened)
{
    return opened != NULL ? begin(turns, turn, opened) : go_on(turns, turn);
}

/* The same, in a coroutine where its route may wait. */
static bool get_on(struct turns *turns, struct turn *turn, const struct err *opened)
{
    const struct route *route = turn->exchange.match.route;
    struct err no_memory = {.kind = ERR_NONE};
    struct buf bytes;

    if (route == NULL || (route->traits & PACE_MAY_WAIT) == 0)
        return get_on_here(turns, turn, opened);
    switch (stint_run(turns, turn, opened, get_on_here)) {
    case STINT_OVER:
        return true;
    case STINT_WAITS:
        return false;
    case STINT_NOT_BEGUN:
        break;
    }
    if (opened != NULL) {
        err_memory(&no_memory);
        return answer(turns, turn, serve_refuse(&turn->exchange, &no_memory, &bytes), &bytes);
    }
    /* The end of its connection would wake it at once, again and again. Here nothing is waited for, and it ends. */
    if (fcgi_gone(turn->request))
        return get_on_here(turns, turn, NULL);
    wait_ms(turns, turn, PUT_OFF_MS);
    return false;
}

/* --- The loop */

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

/* Answers 429. When the queue will have been served is known well enough. */
static void refuse(struct turns *turns, struct turn *turn)
{
    struct err err = {.kind = ERR_NONE};
    struct buf bytes;

    err_set(&err, ERR_LIMIT, "There are too many requests like this one at the moment. Try again shortly.");
    err.retry_after_s = 1 + (int64_t)turns->admission.count * turns->served_us / 1000000;
    if (answer(turns, turn, serve(&turn->exchange, &err, &bytes), &bytes))
        turn_release(turns, turn);
}

static struct turn *turn_of(struct admission_entry *entry)
{
    return (struct turn *)(void *)((char *)entry - offsetof(struct turn, entry));
}

/* Puts one whose password is to be verified into the queue, which may refuse it, or another in its favour. */
static void enqueue(struct turns *turns, struct turn *turn)
{
    const struct request *request = &turn->exchange.request;
    struct admission_entry *refused;

    turn->entry = (struct admission_entry){.key = address_key_of(request->address),
                                           .exempt = strcmp(request->queue, "exempt") == 0};
    refused = admission_put(&turns->admission, &turn->entry);
    if (refused != &turn->entry) {
        turn->queued = true;
        fcgi_wait(turn->request, FCGI_WAIT_TURN, turn);
    }
    if (refused == NULL)
        return;
    if (turn_of(refused)->queued)
        fcgi_resume(turn_of(refused)->request);
    turn_of(refused)->queued = false;
    refuse(turns, turn_of(refused));
}

/* What came for the first time: asks the cache once for all, then answers each. */
static void begin_batch(struct turns *turns, struct fcgi_request *const *requests, size_t count)
{
    struct turn *batch[TURNS_BATCH_MAX];
    struct exchange *exchanges[TURNS_BATCH_MAX];
    struct err opened[TURNS_BATCH_MAX];
    bool over[TURNS_BATCH_MAX];
    size_t now = 0;

    for (size_t i = 0; i < count; i++) {
        struct turn *turn = open_turn(turns, requests[i], &opened[now]);

        if (turn == NULL) {
            fcgi_abandon(requests[i], "there is no memory for a request");
        } else if (opened[now].kind == ERR_NONE && turn->exchange.request.queue[0] != '\0') {
            enqueue(turns, turn);
        } else {
            batch[now] = turn;
            exchanges[now++] = &turn->exchange;
        }
    }
    if (now > 0)
        serve_prefetch(exchanges, opened, now);
    for (size_t i = 0; i < now; i++)
        over[i] = get_on(turns, batch[i], &opened[i]);
    /* Only now: what was prefetched together lives in the first one's memory. */
    for (size_t i = 0; i < now; i++)
        if (over[i])
            turn_release(turns, batch[i]);
}

/* One whose client has gone, or that has waited for as long as anything may stand still. */
static void leave_queue(struct turns *turns, struct turn *turn)
{
    admission_leave(&turns->admission, &turn->entry);
    turn->queued = false;
    client_gone(turns);
    fcgi_abandon(turn->request, "the peer has gone");
    turn_release(turns, turn);
}

static void go_on_once(struct turns *turns, struct turn *turn)
{
    turns->streams--;
    if (get_on(turns, turn, NULL))
        turn_release(turns, turn);
}

/* Those for whom there is memory by now. */
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

/* The one whose turn it is: its session is looked up only now, so that it is no older than its answer. */
static void serve_queued(struct turns *turns)
{
    struct admission_entry *entry = admission_take(&turns->admission);
    struct err opened = {.kind = ERR_NONE};
    struct exchange *x;
    struct turn *turn;
    int64_t began_us;

    if (entry == NULL)
        return;
    turn = turn_of(entry);
    turn->queued = false;
    fcgi_resume(turn->request);
    x = &turn->exchange;
    began_us = turns->services->clock->monotonic_us();
    serve_prefetch(&x, &opened, 1);
    if (get_on(turns, turn, &opened))
        turn_release(turns, turn);
    turns->served_us = turns->services->clock->monotonic_us() - began_us;
}

/* A thousand streams may be ready at once. Who comes meanwhile, and asks for little, does not wait for all of them. */
static void go_on_with(struct turns *turns, struct turn *const *waiting, size_t count, size_t *begun)
{
    const struct clock *clock = turns->services->clock;
    int64_t since_us = clock->monotonic_us();

    for (size_t i = 0; i < count; i++) {
        struct fcgi_request *fresh[TURNS_BATCH_MAX];
        size_t fresh_count = 0;

        go_on_once(turns, waiting[i]);
        if (clock->monotonic_us() - since_us < STREAMS_US)
            continue;
        if (turns->streams < turns_streams_max(turns))
            fresh_count = fcgi_gather_new(turns->server, fresh, TURNS_BATCH_MAX);
        if (fresh_count > 0)
            begin_batch(turns, fresh, fresh_count);
        *begun += fresh_count;
        since_us = clock->monotonic_us();
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
            leave_queue(turns, turn);
        } else {
            turn->waits = false;
            turn_read_no_more(turns, turn);
            waiting[continued++] = turn;
        }
    }
    /* New ones first: most of them take no time. */
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
     * The socket's own queue knows no addresses, so it is emptied between two passwords; not at once, since siblings that
     * become free are to find something in it: as many as wait here already.
     */
    for (size_t more = turns->admission.count; more > 0 && take_ready(turns, 0, &begun) > 0; more--)
        ;
    serve_queued(turns);
    if (stints_go_on(turns) > 0)
        *any = true;
    serve_line(turns);
    /* What is logged until the next request is about none. */
    turns->services->log.trace = NULL;
    statsd_flush(&turns->services->statsd);
    return begun;
}
