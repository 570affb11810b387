#include "worker/body_memory.h"

#include "worker/turn.h"

enum {
    /*
     * The part of worker_stream_bytes for bodies that need a reservation; the other half is for bodies that can be
     * stored half way.
     */
    PART = 2,
    /* Any stream may take this much without a reservation (etc/mayfly.conf). */
    STREAM_BYTES = 64 * 1024,
};

static size_t most(const struct turns *turns)
{
    return (size_t)turns->services->config.worker_stream_bytes / PART;
}

bool body_memory_init(struct turns *turns, uint64_t seed)
{
    TAILQ_INIT(&turns->line);
    return shares_init(&turns->memory_shares, turns_streams_max(turns) + TURNS_BATCH_MAX, most(turns) / TURNS_SHARE,
                       seed);
}

/* A body that needs more than the whole of it may have it alone. */
static bool fits(const struct turns *turns, size_t bytes)
{
    return turns->reserved == 0 || (turns->reserved < most(turns) && bytes <= most(turns) - turns->reserved);
}

static size_t needs(const struct turn *turn)
{
    const struct body_sink *sink = turn->exchange.sink;
    size_t bytes = sink->needs != NULL ? sink->needs(&turn->exchange) : 0;

    return bytes > STREAM_BYTES ? bytes : 0;
}

static bool take(struct turns *turns, struct turn *turn, size_t bytes)
{
    if (!fits(turns, bytes) || !shares_take(&turns->memory_shares, turn->share, bytes))
        return false;
    turn->reserved = bytes;
    turns->reserved += bytes;
    return true;
}

bool body_memory_take(struct turns *turns, struct turn *turn)
{
    size_t bytes = turn->reserved == 0 ? needs(turn) : 0;

    return bytes == 0 || (!turn->is_in_line && take(turns, turn, bytes));
}

void body_memory_give(struct turns *turns, struct turn *turn)
{
    if (turn->reserved == 0)
        return;
    shares_give(&turns->memory_shares, turn->share, turn->reserved);
    turns->reserved -= turn->reserved;
    turn->reserved = 0;
    turns->has_given = true;
}

void body_memory_wait(struct turns *turns, struct turn *turn)
{
    TAILQ_INSERT_TAIL(&turns->line, turn, in_line);
    turn->is_in_line = true;
}

void body_memory_leave(struct turns *turns, struct turn *turn)
{
    if (!turn->is_in_line)
        return;
    TAILQ_REMOVE(&turns->line, turn, in_line);
    turn->is_in_line = false;
    turns->has_given = true; /* turns behind it may fit */
}

struct turn *body_memory_next(struct turns *turns)
{
    struct turn *turn;

    TAILQ_FOREACH(turn, &turns->line, in_line)
    {
        size_t bytes = needs(turn);

        /* Smaller bodies do not overtake it; otherwise it might never fit. */
        if (!fits(turns, bytes))
            break;
        if (take(turns, turn, bytes)) {
            TAILQ_REMOVE(&turns->line, turn, in_line);
            turn->is_in_line = false;
            return turn;
        }
    }
    turns->has_given = false;
    return NULL;
}

bool body_memory_is_due(const struct turns *turns)
{
    return turns->has_given && !TAILQ_EMPTY(&turns->line);
}

void body_memory_let_go(struct turns *turns)
{
    while (turns->held + turns->reserved > (size_t)turns->services->config.worker_stream_bytes) {
        struct turn *turn, *most = NULL;
        struct buf unread;

        LIST_FOREACH(turn, &turns->in_hand, in_all)
        if (turn->waits && turn->exchange.job == NULL && turn->held > 0 && (most == NULL || turn->held > most->held))
            most = turn;
        if (most == NULL)
            return;
        if (turn_rest(turns, most))
            continue;
        fcgi_resume(most->request);
        turns->streams--;
        LOG_EVENT(&turns->services->log, LOG_WARN, "let_go", LOG_NUMBER("bytes", (int64_t)most->held));
        (void)!serve_end(&most->exchange, false, &unread);
        fcgi_abandon(most->request, "its body is stored as far as it came");
        turn_release(turns, most);
    }
}
