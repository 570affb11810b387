#include "worker/password_queue.h"

#include "worker/turn_answer.h"
#include "worker/turn_step.h"

#include <stddef.h>
#include <string.h>

/* Answers 429, with the time that the queue will take as Retry-After. */
static void refuse(struct turns *turns, struct turn *turn)
{
    struct err err = {.kind = ERR_NONE};
    struct buf bytes;

    err_set(&err, ERR_LIMIT, "There are too many requests like this one at the moment. Try again shortly.");
    err.retry_after_s = 1 + (int64_t)turns->admission.count * turns->served_us / 1000000;
    if (turn_answer(turns, turn, serve(&turn->exchange, &err, &bytes), &bytes))
        turn_release(turns, turn);
}

static struct turn *turn_of(struct admission_entry *entry)
{
    return (struct turn *)(void *)((char *)entry - offsetof(struct turn, entry));
}

void password_queue_put(struct turns *turns, struct turn *turn)
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

void password_queue_leave(struct turns *turns, struct turn *turn)
{
    admission_leave(&turns->admission, &turn->entry);
    turn->queued = false;
    turn_client_gone(turns);
    fcgi_abandon(turn->request, "the peer has gone");
    turn_release(turns, turn);
}

/* Its session is looked up only now, so that it is no older than its answer. */
void password_queue_serve(struct turns *turns)
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
    if (turn_get_on(turns, turn, &opened))
        turn_release(turns, turn);
    turns->served_us = turns->services->clock->monotonic_us() - began_us;
}
