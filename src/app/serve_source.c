/* The body of an answer that comes from a source, piece by piece. */
#include "app/serve.h"

#include "app/phase.h"

bool serve_next(struct exchange *x, const void **bytes, size_t *length, bool *last)
{
    struct err err = {.kind = ERR_NONE};
    bool ok;

    phase_begin(x, PHASE_STREAM);
    ok = x->source->next(x, bytes, length, &err);
    if (!ok)
        log_error(&x->services->log, LOG_WARN, "answer_cut", &err);
    phase_end(x);
    if (!ok)
        return false;
    x->answer_left -= (int64_t)*length;
    *last = x->answer_left <= 0;
    return true;
}

void serve_rest(struct exchange *x)
{
    if (x->source->rest != NULL)
        x->source->rest(x);
}

static void read_ahead(struct exchange *x, void (*step)(struct exchange *))
{
    if (step == NULL)
        return;
    phase_begin(x, PHASE_STREAM);
    step(x);
    phase_end(x);
}

void serve_expect(struct exchange *x)
{
    read_ahead(x, x->source->expect);
}

void serve_settle(struct exchange *x)
{
    if (x->source != NULL)
        read_ahead(x, x->source->settle);
}
