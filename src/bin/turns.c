#include "bin/turns.h"

/* A reader that takes whatever it gets has this many pieces of its answer in one turn. */
enum { PIECES_PER_TURN = 4 };

void turns_init(struct turns *turns, struct services *services, struct fcgi_server *server)
{
    turns->services = services;
    turns->server = server;
    for (size_t i = 0; i < sizeof turns->exchanges / sizeof turns->exchanges[0]; i++) {
        arena_init(&turns->exchanges[i].arena, ARENA_MAX_BYTES);
        turns->idle[turns->idle_count++] = &turns->exchanges[i];
    }
}

static void release(struct turns *turns, struct exchange *x)
{
    x->sink = NULL;
    x->job = NULL;
    exchange_close(x);
    turns->idle[turns->idle_count++] = x;
}

void turns_free(struct turns *turns)
{
    for (size_t i = 0; i < sizeof turns->exchanges / sizeof turns->exchanges[0]; i++) {
        struct exchange *x = &turns->exchanges[i];
        struct buf unread;

        if (x->job != NULL)
            serve_quit(x);
        if (x->sink != NULL && serve_end(x, false, &unread) == SERVING_NOTHING)
            log_event(&turns->services->log, LOG_WARN, "cut_off", NULL, 0);
        arena_free(&x->arena);
    }
}

static void client_gone(struct turns *turns)
{
    log_event(&turns->services->log, LOG_INFO, "client_gone", NULL, 0);
}

/* Puts x aside until its connection is ready. It keeps its exchange, also when it had been put aside before. */
static void wait_for(struct turns *turns, struct exchange *x, struct fcgi_request *request, enum fcgi_wait wait)
{
    turns->streams++;
    fcgi_wait(request, wait, x);
}

/* False: x waits for its next turn and must be kept. Who can't be waited for any more is let go: its peer takes nothing. */
static bool send_pieces(struct turns *turns, struct exchange *x, struct fcgi_request *request)
{
    for (int pieces = 0; pieces < PIECES_PER_TURN; pieces++) {
        const void *bytes;
        size_t length;
        bool last;
        enum fcgi_sent sent = fcgi_send(request);

        if (sent == FCGI_SENT_PART && turns->streams < TURNS_STREAMS_MAX) {
            wait_for(turns, x, request, x->source != NULL ? FCGI_WAIT_ROOM : FCGI_WAIT_TAKEN);
            return false;
        }
        if (sent != FCGI_SENT_ALL) {
            client_gone(turns);
            fcgi_abandon(request, "the peer takes no answer");
            return true;
        }
        if (x->answer_left <= 0) {
            fcgi_sent_all(request);
            return true;
        }
        if (!serve_next(x, &bytes, &length, &last)) {
            fcgi_abandon(request, "the answer is cut off");
            return true;
        }
        fcgi_piece(request, bytes, length, last);
    }
    wait_for(turns, x, request, FCGI_WAIT_ROOM);
    return false;
}

static void pass_point(struct turns *turns, const char *name)
{
    if (turns->services->point != NULL)
        turns->services->point(name);
}

static bool answer(struct turns *turns, struct exchange *x, struct fcgi_request *request, enum serving serving,
                   const struct buf *bytes)
{
    switch (serving) {
    case SERVING_PIECES:
        fcgi_piece(request, bytes->bytes, bytes->length, false);
        return send_pieces(turns, x, request);
    case SERVING_ANSWER:
        pass_point(turns, "before-answer");
        x->answer_left = 0; /* all there is; a HEAD has no more */
        fcgi_piece(request, bytes->bytes, bytes->length, true);
        return send_pieces(turns, x, request);
    case SERVING_NOTHING:
    case SERVING_BODY:
    case SERVING_JOB:
        fcgi_abandon(request, "there is no answer");
        break;
    }
    return true;
}

static void take_slice(void *arg, const void *bytes, size_t length)
{
    serve_take(arg, bytes, length);
}

static bool take_body(struct turns *turns, struct exchange *x, struct fcgi_request *request)
{
    enum fcgi_body_state state = fcgi_take_body(request, take_slice, x);
    enum serving serving;
    struct buf bytes;

    if (state == FCGI_BODY_MORE && x->failure.kind == ERR_NONE) {
        wait_for(turns, x, request, FCGI_WAIT_BODY);
        return false;
    }
    serving = serve_end(x, state == FCGI_BODY_END, &bytes);
    if (state != FCGI_BODY_CUT)
        return answer(turns, x, request, serving, &bytes);
    client_gone(turns);
    fcgi_abandon(request, "the body is cut off");
    return true;
}

static bool step(struct turns *turns, struct exchange *x, struct fcgi_request *request)
{
    enum serving serving;
    struct buf bytes;

    if (fcgi_gone(request)) {
        serve_quit(x);
        client_gone(turns);
        fcgi_abandon(request, "the peer has gone");
        return true;
    }
    serving = serve_step(x, &bytes);
    if (serving != SERVING_JOB)
        return answer(turns, x, request, serving, &bytes);
    if (x->pause_ms == 0) {
        wait_for(turns, x, request, FCGI_WAIT_ROOM);
    } else {
        turns->streams++;
        fcgi_wait_ms(request, x->pause_ms, x);
    }
    return false;
}

static bool begin(struct turns *turns, struct exchange *x, struct fcgi_request *request, const struct err *opened)
{
    struct buf bytes;
    enum serving serving = serve(x, opened, &bytes);

    if ((serving == SERVING_BODY || serving == SERVING_PIECES || serving == SERVING_JOB) &&
        turns->streams >= TURNS_STREAMS_MAX)
        serving = serve_busy(x, &bytes);
    if (serving == SERVING_JOB)
        return step(turns, x, request);
    return serving == SERVING_BODY ? take_body(turns, x, request) : answer(turns, x, request, serving, &bytes);
}

static size_t read_body(void *source, void *bytes, size_t size)
{
    return fcgi_read(source, bytes, size);
}

/* What came for the first time: asks the cache once for all, then answers each. */
static void begin_batch(struct turns *turns, struct fcgi_request *const *requests, size_t count)
{
    struct exchange *exchanges[TURNS_BATCH_MAX] = {NULL};
    struct err opened[TURNS_BATCH_MAX];
    bool over[TURNS_BATCH_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct body_source body = {.read = read_body, .source = requests[i]};

        err_clear(&opened[i]);
        exchanges[i] = turns->idle[--turns->idle_count];
        exchange_open(exchanges[i], turns->services, fcgi_params(requests[i]), &body, &opened[i]);
    }
    serve_prefetch(exchanges, opened, count);
    for (size_t i = 0; i < count; i++)
        over[i] = begin(turns, exchanges[i], requests[i], &opened[i]);
    /* Only now: what was prefetched together lives in the first one's memory. */
    for (size_t i = 0; i < count; i++)
        if (over[i])
            release(turns, exchanges[i]);
}

static void go_on(struct turns *turns, struct fcgi_request *request)
{
    struct exchange *x = fcgi_context(request);
    bool over;

    turns->streams--;
    if (x->job != NULL)
        over = step(turns, x, request);
    else
        over = x->sink != NULL ? take_body(turns, x, request) : send_pieces(turns, x, request);
    if (over)
        release(turns, x);
}

size_t turns_take(struct turns *turns, int timeout_ms, bool *any)
{
    struct fcgi_request *requests[TURNS_BATCH_MAX], *fresh[TURNS_BATCH_MAX], *waiting[TURNS_BATCH_MAX];
    size_t count, begun = 0, continued = 0;

    fcgi_server_pause(turns->server, turns->streams >= TURNS_STREAMS_MAX);
    count = fcgi_gather(turns->server, requests, TURNS_BATCH_MAX, timeout_ms);
    for (size_t i = 0; i < count; i++) {
        if (fcgi_context(requests[i]) == NULL)
            fresh[begun++] = requests[i];
        else
            waiting[continued++] = requests[i];
    }
    /* New ones first: most of them take no time. */
    if (begun > 0)
        begin_batch(turns, fresh, begun);
    for (size_t i = 0; i < continued; i++)
        go_on(turns, waiting[i]);
    /* What is logged until the next request is about none. */
    turns->services->log.trace = NULL;
    statsd_flush(&turns->services->statsd);
    *any = count > 0;
    return begun;
}
