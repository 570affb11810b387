#include "app/again.h"

#include "base/backoff.h"

/* Memory before the mark is kept for the next run. The rest is freed when that begins. */
static void set_mark(struct exchange *x)
{
    struct again *again = &x->again;

    if (again->times > 0 && again->kept == x->kept && again->body_read == x->body_read && again->fields == x->fields)
        return;
    again->mark = arena_mark(&x->arena);
    again->kept = x->kept;
    again->body_read = x->body_read;
    again->fields = x->fields;
}

bool again_put_aside(struct exchange *x, const struct err *err)
{
    struct again *again = &x->again;
    int64_t now_us = x->services->clock->monotonic_us();

    if (!err->busy)
        return false;
    if (again->times == 0)
        again->until_us = now_us + x->services->config.database_patience_ms * 1000;
    if (now_us >= again->until_us)
        return false;
    set_mark(x);
    if (!again->is_aside)
        x->services->requests_aside++;
    again->is_aside = true;
    again->times++;
    x->pause_ms = backoff_ms(again->times, x->services->config.database_lock_ms, (size_t)x->services->requests_aside);
    return true;
}

void again_begin(struct exchange *x)
{
    arena_rewind(&x->arena, &x->again.mark);
    response_init(&x->response, &x->arena);
    x->sink = NULL;
    x->source = NULL;
    x->job = NULL;
    x->stream = NULL;
    x->answer_left = 0;
    x->meaning = (struct buf){.length = 0};
    x->has_session = false; /* its strings were in the arena */
    x->forgets = (struct session_ids){.count = 0};
    x->replayed = false;
    x->ends_session = false;
    x->body_elsewhere = false;
    x->body_hash = NULL;
    x->again.recalls = true;
}

void again_end(struct exchange *x)
{
    if (x->again.is_aside)
        x->services->requests_aside--;
    x->again.is_aside = false;
}
