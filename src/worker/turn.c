#include "worker/turn.h"

#include "worker/body_memory.h"
#include "worker/stint.h"

#include <stdlib.h>
#include <string.h>

size_t turns_streams_max(const struct turns *turns)
{
    return (size_t)turns->services->config.worker_streams_max;
}

bool turns_are_crowded(const struct turns *turns)
{
    return turns->streams >= TURNS_READ_AHEAD_MAX;
}

bool turns_init(struct turns *turns, struct services *services, struct fcgi_server *server, struct err *err)
{
    uint64_t seed;

    random_bytes(&seed, sizeof seed);
    turns->services = services;
    turns->server = server;
    TAILQ_INIT(&turns->readers);
    admission_init(&turns->admission, (size_t)services->config.password_queue,
                   (size_t)services->config.password_queue_address);
    /* The requests of one batch may be added to these. */
    return (shares_init(&turns->shares, turns_streams_max(turns) + TURNS_BATCH_MAX,
                        turns_streams_max(turns) / TURNS_SHARE, seed) &&
            body_memory_init(turns, seed)) ||
           err_memory(err);
}

struct turn *turn_take(struct turns *turns, struct fcgi_request *request)
{
    struct turn *turn = LIST_FIRST(&turns->idle);

    if (turn != NULL) {
        LIST_REMOVE(turn, in_all);
        turns->idle_count--;
    } else {
        turn = calloc(1, sizeof *turn);
        if (turn == NULL)
            return NULL;
        arena_init(&turn->exchange.arena, ARENA_MAX_BYTES);
    }
    turn->request = request;
    turn->body_bytes = 0;
    turn->shared = turn->queued = turn->waits = turn->is_in_line = turn->reads_ahead = false;
    turn->held = turn->reserved = 0;
    LIST_INSERT_HEAD(&turns->in_hand, turn, in_all);
    return turn;
}

static void free_turn(struct turn *turn)
{
    LIST_REMOVE(turn, in_all);
    arena_free(&turn->exchange.arena);
    free(turn);
}

void turn_read_ahead(struct turns *turns, struct turn *turn)
{
    if (turn->exchange.source == NULL || turn->reads_ahead)
        return;
    turn->reads_ahead = true;
    TAILQ_INSERT_TAIL(&turns->readers, turn, in_readers);
    turns->readers_count++;
}

void turn_read_no_more(struct turns *turns, struct turn *turn)
{
    if (!turn->reads_ahead)
        return;
    turn->reads_ahead = false;
    TAILQ_REMOVE(&turns->readers, turn, in_readers);
    turns->readers_count--;
}

void turn_note_held(struct turns *turns, struct turn *turn, size_t held)
{
    turns->held = turns->held - turn->held + held;
    turn->held = held;
}

bool turn_rest(struct turns *turns, struct turn *turn)
{
    const struct body_sink *sink = turn->exchange.sink;
    size_t held = turn->held;

    if (sink->rest == NULL)
        return false;
    sink->rest(&turn->exchange);
    turn_note_held(turns, turn, sink->holds(&turn->exchange));
    return turn->held < held;
}

void turn_release(struct turns *turns, struct turn *turn)
{
    turn_note_held(turns, turn, 0);
    turn_read_no_more(turns, turn);
    body_memory_leave(turns, turn);
    body_memory_give(turns, turn);
    if (turn->shared)
        shares_give(&turns->shares, turn->share, 1);
    turn->exchange.sink = NULL;
    turn->exchange.job = NULL;
    if (turns->idle_count >= TURNS_BATCH_MAX) {
        free_turn(turn);
        return;
    }
    exchange_close(&turn->exchange);
    LIST_REMOVE(turn, in_all);
    LIST_INSERT_HEAD(&turns->idle, turn, in_all);
    turns->idle_count++;
}

void turns_free(struct turns *turns)
{
    struct turn *turn;

    if (turns->services == NULL)
        return; /* never begun */
    stints_cancel(turns);
    LIST_FOREACH(turn, &turns->in_hand, in_all)
    {
        struct exchange *x = &turn->exchange;
        struct buf unread;

        if (x->job != NULL)
            serve_quit(x);
        if (x->sink != NULL && serve_end(x, false, &unread) == SERVING_NOTHING)
            log_event(&turns->services->log, LOG_WARN, "cut_off", NULL, 0);
    }
    while ((turn = LIST_FIRST(&turns->in_hand)) != NULL)
        free_turn(turn);
    while ((turn = LIST_FIRST(&turns->idle)) != NULL)
        free_turn(turn);
    free(turns->spare.bytes);
    shares_free(&turns->shares);
    shares_free(&turns->memory_shares);
}

bool turns_wait(const struct turns *turns)
{
    return turns->streams > 0 || turns->admission.count > 0;
}

bool turns_are_alone(const struct turns *turns)
{
    const struct turn *turn;

    LIST_FOREACH(turn, &turns->in_hand, in_all)
    if (turn->exchange.job != NULL)
        return false;
    return LIST_EMPTY(&turns->waiting);
}

/* The account whose streams are counted together, or the address of a client that reads links. */
static void find_share(struct turn *turn)
{
    const struct exchange *x = &turn->exchange;
    struct address_key address;

    if (x->has_session) {
        memcpy(turn->share, x->session.account.bytes, sizeof turn->share);
        return;
    }
    address = address_key_of(x->request.address);
    memcpy(turn->share, address.bytes, sizeof turn->share);
}

bool turn_admit(struct turns *turns, struct turn *turn, struct err *err)
{
    if (turns->streams >= turns_streams_max(turns))
        return err_set(err, ERR_DOWN, "too many uploads and downloads at the moment");
    find_share(turn);
    turn->shared = shares_take(&turns->shares, turn->share, 1);
    return turn->shared || err_set(err, ERR_LIMIT, "you have too many uploads and downloads at the same time");
}

void turn_client_gone(struct turns *turns)
{
    log_event(&turns->services->log, LOG_INFO, "client_gone", NULL, 0);
}

void turn_wait(struct turns *turns, struct turn *turn, enum fcgi_wait wait)
{
    turns->streams++;
    turn->waits = true;
    fcgi_wait(turn->request, wait, turn);
}

void turn_wait_ms(struct turns *turns, struct turn *turn, int64_t ms)
{
    turns->streams++;
    turn->waits = true;
    fcgi_wait_ms(turn->request, ms, turn);
}
