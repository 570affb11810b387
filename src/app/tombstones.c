#include "app/tombstones.h"

#include "store/session_cache.h"

/* nginx waits for an answer for 15 s (mayfly-small.conf). */
enum { MOST_S = 10 };

static void note_lost(struct exchange *x, const struct session_ids *ids)
{
    LOG_EVENT(&x->services->log, LOG_WARN, "tombstone_lost", LOG_NUMBER("sessions", (int64_t)ids->count));
}

/* Writes the tombstones. False: a node hangs, and may still have a copy that other workers trust. */
static bool tell(struct exchange *x)
{
    struct cache *cache = x->services->sessions.cache;

    switch (session_cache_forget(cache, &x->forgets)) {
    case CACHE_HANGS:
        if (x->services->clock->monotonic_us() < x->tombstones_until_us)
            return false;
        if (x->services->config.cache_fresh_s > MOST_S)
            note_lost(x, &x->forgets);
        break;
    case CACHE_UNREACHABLE:
        note_lost(x, &x->forgets);
        break;
    case CACHE_WRITTEN:
        break;
    }
    if (x->services->point != NULL)
        x->services->point("after-tombstone");
    return true;
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    (void)err;
    *done = tell(x);
    x->pause_ms = cache_hang_pause_ms(x->services->sessions.cache);
    return true;
}

static const struct job job = {.step = step, .answered = true};

void tombstones_write(struct exchange *x)
{
    int64_t fresh_s = x->services->config.cache_fresh_s;

    x->tombstones_until_us = x->services->clock->monotonic_us() + (fresh_s < MOST_S ? fresh_s : MOST_S) * 1000000;
    if (!tell(x))
        x->job = &job;
}

void tombstone_write_now(struct exchange *x, const struct uuid *id)
{
    struct uuid copy = *id;
    const struct session_ids one = {.ids = &copy, .count = 1};

    if (session_cache_forget(x->services->sessions.cache, &one) != CACHE_WRITTEN)
        note_lost(x, &one);
}
