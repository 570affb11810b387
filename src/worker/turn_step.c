#include "worker/turn_step.h"

#include "worker/body_memory.h"
#include "worker/stint.h"
#include "worker/turn_answer.h"

/* A stream that would have to wait while the limit of waiting turns is reached tries again after this time. */
enum { PUT_OFF_MS = 20 };

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

/*
 * A body that arrives too slowly (stream_least_bytes_s). Answers need no such check: nginx takes 16 KiB of them at a
 * time.
 */
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
        turn_client_gone(turns);
        fcgi_abandon(turn->request, "the peer has gone");
        return true;
    }
    serving = serve_step(x, &bytes);
    if (serving == SERVING_BODY)
        return take_body(turns, turn);
    if (serving != SERVING_JOB)
        return turn_answer(turns, turn, serving, &bytes);
    if (x->pause_ms == 0)
        turn_wait(turns, turn, FCGI_WAIT_ROOM);
    else
        turn_wait_ms(turns, turn, x->pause_ms);
    return false;
}

/* The body stays unread meanwhile. A turn that was in the queue already has waited long enough. */
static bool wait_for_memory(struct turns *turns, struct turn *turn)
{
    int64_t patience_ms = turns->services->config.worker_stream_patience_ms;
    struct exchange *x = &turn->exchange;
    struct err err = {.kind = ERR_NONE};
    struct buf bytes;

    if (!turn->is_in_line) {
        body_memory_wait(turns, turn);
        turn_wait_ms(turns, turn, patience_ms);
        return false;
    }
    /* Its end may have to wait for a lock, which takes another turn. */
    body_memory_leave(turns, turn);
    if (fcgi_gone(turn->request)) {
        (void)!serve_end(x, false, &bytes);
        turn_client_gone(turns);
        fcgi_abandon(turn->request, "the peer has gone");
        return true;
    }
    err_set(&err, ERR_DOWN, "no memory for a body within %lld ms", (long long)patience_ms);
    return turn_answer(turns, turn, serve_refuse(x, &err, &bytes), &bytes);
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
        if (turns_are_crowded(turns))
            turn_rest(turns, turn);
        turn_wait(turns, turn, FCGI_WAIT_BODY);
        return false;
    }
    serving = serve_end(x, state == FCGI_BODY_END, &bytes);
    if (serving == SERVING_JOB)
        return step(turns, turn);
    if (!waits && state != FCGI_BODY_CUT)
        return turn_answer(turns, turn, serving, &bytes);
    if (waits)
        LOG_EVENT(&turns->services->log, LOG_INFO, "too_slow", LOG_NUMBER("bytes", turn->body_bytes));
    else
        turn_client_gone(turns);
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
    return serving == SERVING_BODY ? take_body(turns, turn) : turn_answer(turns, turn, serving, &bytes);
}

static bool go_on(struct turns *turns, struct turn *turn)
{
    if (turn->exchange.job != NULL)
        return step(turns, turn);
    return turn->exchange.sink != NULL ? take_body(turns, turn) : turn_send_pieces(turns, turn);
}

static bool get_on_here(struct turns *turns, struct turn *turn, const struct err *opened)
{
    return opened != NULL ? begin(turns, turn, opened) : go_on(turns, turn);
}

bool turn_get_on(struct turns *turns, struct turn *turn, const struct err *opened)
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
        return turn_answer(turns, turn, serve_refuse(&turn->exchange, &no_memory, &bytes), &bytes);
    }
    /* The end of its connection would wake it again and again. The turn ends here without waiting. */
    if (fcgi_gone(turn->request))
        return get_on_here(turns, turn, NULL);
    turn_wait_ms(turns, turn, PUT_OFF_MS);
    return false;
}
